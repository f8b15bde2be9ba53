#include "train/data/jsonl_rows.h"

#include <sstream>

#include "audio/audio_file.h"
#include "base/file.h"
#include "text/utf8.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Text with one literal <audio> tag per clip becomes text and audio parts in order.
std::vector<ContentPart> parts_of(const std::string& content, size_t& next_audio) {
  constexpr std::string_view kTag = "<audio>";
  std::vector<ContentPart> parts;
  size_t begin = 0;
  for (size_t at = content.find(kTag); at != std::string::npos; at = content.find(kTag, begin)) {
    if (at > begin) parts.push_back(ContentPart::of_text(content.substr(begin, at - begin)));
    parts.push_back(ContentPart::of_audio(next_audio++));
    begin = at + kTag.size();
  }
  if (begin < content.size()) parts.push_back(ContentPart::of_text(content.substr(begin)));
  return parts;
}

class RowParser {
 public:
  explicit RowParser(const JsonlFile& file) : file_(file), folder_(file.path.parent_path()) {}

  JsonlRow parse(const std::string& line, size_t number) const {
    JsonlRow row;
    row.line = number;
    size_t audio_tags = 0;
    try {
      json object = json::parse(line);
      for (const auto& message : object.at("messages")) {
        const auto& content = message.at("content");
        row.messages.push_back({message.at("role").get<std::string>(),
                                content.is_array()
                                    ? parts_of_list(content, row, audio_tags)
                                    : parts_of(content.get<std::string>(), audio_tags)});
      }
      if (object.contains("audios"))
        for (const auto& path : object.at("audios"))
          row.audios.push_back(folder_ / path.get<std::string>());
      row.rejected_response = rejected_response(object, number);
      for (const char* read : {"messages", "audios", "rejected_response"}) object.erase(read);
      row.columns = std::move(object);
    } catch (const json::exception& error) {
      file_.reject(number, "expected an object with `messages` and `audios`: {}", error.what());
    }
    if (row.messages.empty()) file_.reject(number, "expected at least one message");
    if (audio_tags != row.audios.size())
      file_.reject(number, "{} <audio> tags, but {} audio files", audio_tags, row.audios.size());
    for (const auto& path : row.audios) row.audio_samples.push_back(checked_samples(path, number));
    return row;
  }

 private:
  // The content-list form: [{"type":"text","text":...}, {"type":"audio","audio":PATH}].
  std::vector<ContentPart> parts_of_list(const json& list, JsonlRow& row,
                                         size_t& next_audio) const {
    std::vector<ContentPart> parts;
    for (const auto& item : list) {
      const std::string type = item.value("type", "");
      if (type == "text") {
        parts.push_back(ContentPart::of_text(item.at("text").get<std::string>()));
      } else if (type == "audio") {
        row.audios.push_back(folder_ / item.at("audio").get<std::string>());
        parts.push_back(ContentPart::of_audio(next_audio++));
      } else {
        file_.reject(row.line, "content type \"{}\" is not \"text\" or \"audio\"", type);
      }
    }
    return parts;
  }

  std::optional<std::string> rejected_response(const json& object, size_t line) const {
    const auto found = object.find("rejected_response");
    if (found == object.end() || found->is_null()) return std::nullopt;
    if (!found->is_string() || found->get_ref<const std::string&>().empty())
      file_.reject(line, "rejected_response must be text, and not empty");
    return found->get<std::string>();
  }

  int64_t checked_samples(const fs::path& path, size_t line) const {
    try {
      const AudioClip clip = load_audio_file(path);
      if (clip.seconds() <= 29.98) return static_cast<int64_t>(clip.samples.size());
      file_.reject(line, "{} is {:.1f} s long; one clip may have 29.98 s", path.string(),
                   clip.seconds());
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInvalidData) throw;
      file_.reject(line, "{}", error.what());
    }
  }

  const JsonlFile& file_;
  fs::path folder_;
};

uint64_t hash(std::string_view text, uint64_t value = 0xcbf29ce484222325ULL) {
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return value;
}

}  // namespace

JsonlFile read_jsonl(const fs::path& path) {
  JsonlFile file;
  file.path = path;
  const std::string text = read_file(path, size_t{4} << 30);
  const RowParser parser(file);
  std::istringstream lines(text);
  std::string line;
  uintmax_t audio_bytes = 0;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (!is_valid_utf8(line)) file.reject(number, "not valid UTF-8");
    file.rows.push_back(parser.parse(line, number));
    for (const auto& audio : file.rows.back().audios) audio_bytes += fs::file_size(audio);
  }
  if (file.rows.empty()) fail(ErrorCode::kInvalidData, "{} has no samples", path.string());
  file.fingerprint = fmt::format("jsonl {} bytes, hash {:016x}, audio {} bytes", text.size(),
                                 hash(text), audio_bytes);
  return file;
}

RowSplit split_rows(const JsonlFile& file) {
  RowSplit split;
  for (size_t i = 0; i < file.rows.size(); ++i)
    (file.rows[i].line % 10 == 0 ? split.test : split.train).push_back(i);
  if (file.rows.size() >= 20 && !split.test.empty() && !split.train.empty()) return split;
  split.train.clear();  // too few to keep some apart
  for (size_t i = 0; i < file.rows.size(); ++i) split.train.push_back(i);
  split.test = split.train;
  return split;
}

}  // namespace stapes::train
