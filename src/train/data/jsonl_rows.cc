#include "train/data/jsonl_rows.h"

#include "audio/audio_file.h"
#include "audio/log_mel.h"
#include "spec/audio_tokens.h"
#include "text/utf8.h"
#include "train/data/jsonl_lines.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kLongestClipSeconds = 29.98;

// What messages say about their clips, in order: the file of each, or none where the next one of
// `audios` is meant.
using AudioTags = std::vector<std::optional<std::string>>;

// Text with one literal <audio> tag per clip becomes text and audio parts in order.
std::vector<ContentPart> parts_of_text(const std::string& content, AudioTags& tags) {
  constexpr std::string_view kTag = "<audio>";
  std::vector<ContentPart> parts;
  size_t begin = 0;
  for (size_t at = content.find(kTag); at != std::string::npos; at = content.find(kTag, begin)) {
    if (at > begin) parts.push_back(ContentPart::of_text(content.substr(begin, at - begin)));
    parts.push_back(ContentPart::of_audio(tags.size()));
    tags.emplace_back();
    begin = at + kTag.size();
  }
  if (begin < content.size()) parts.push_back(ContentPart::of_text(content.substr(begin)));
  return parts;
}

class RowParser {
 public:
  RowParser(const fs::path& file, size_t line) : file_(file), line_(line) {}

  JsonlRow parse(const std::string& text) const {
    JsonlRow row;
    row.line = line_;
    try {
      json object = json::parse(text);
      AudioTags tags;
      row.messages = messages(object.at("messages"), tags);
      row.trained = trained(object.at("messages"));
      row.audios = audio_files(object, "audios", tags);
      row.rejected_response = rejected_response(object, row);
      for (const char* read :
           {"messages", "audios", "rejected_response", "rejected_messages", "rejected_audios"})
        object.erase(read);
      row.columns = std::move(object);
    } catch (const json::exception& error) {
      reject_line(file_, line_, "expected an object with `messages` and `audios`: {}",
                  error.what());
    }
    return row;
  }

 private:
  std::vector<ChatMessage> messages(const json& list, AudioTags& tags) const {
    std::vector<ChatMessage> messages;
    for (const auto& message : list) {
      const auto& content = message.at("content");
      messages.push_back({message.at("role").get<std::string>(),
                          content.is_array() ? parts_of_list(content, tags)
                                             : parts_of_text(content.get<std::string>(), tags)});
      if (messages.back().role.empty()) reject_line(file_, line_, "a message has an empty role");
    }
    if (messages.empty()) reject_line(file_, line_, "expected at least one message");
    return messages;
  }

  // The content-list form: [{"type":"text","text":...}, {"type":"audio","audio":PATH}].
  std::vector<ContentPart> parts_of_list(const json& list, AudioTags& tags) const {
    std::vector<ContentPart> parts;
    for (const auto& item : list) {
      const auto type = item.at("type").get<std::string>();
      if (type == "text") {
        parts.push_back(ContentPart::of_text(item.at("text").get<std::string>()));
      } else if (type == "audio") {
        parts.push_back(ContentPart::of_audio(tags.size()));
        tags.emplace_back();
        if (item.contains("audio")) tags.back() = item.at("audio").get<std::string>();
      } else {
        reject_line(file_, line_, "content type \"{}\" is not \"text\" or \"audio\"", type);
      }
    }
    return parts;
  }

  std::vector<size_t> trained(const json& list) const {
    std::vector<size_t> trained;
    for (size_t i = 0; i < list.size(); ++i) {
      const bool is_assistant = list[i].at("role") == "assistant";
      bool in_loss = is_assistant && i + 1 == list.size();
      if (const auto key = list[i].find("loss"); key != list[i].end()) {
        if (!key->is_boolean())
          reject_line(file_, line_, "`loss` of message {} must be true or false", i);
        in_loss = key->get<bool>();
      }
      if (in_loss && !is_assistant)
        reject_line(file_, line_, "message {} has \"loss\": true, but is not the assistant's", i);
      if (in_loss) trained.push_back(i);
    }
    return trained;
  }

  std::vector<fs::path> audio_files(const json& object, const char* column,
                                    const AudioTags& tags) const {
    std::vector<std::string> named;
    if (const auto found = object.find(column); found != object.end() && !found->is_null())
      named = found->get<std::vector<std::string>>();
    size_t next = 0, own = 0;
    std::vector<fs::path> files;
    for (const auto& tag : tags) {
      own += tag ? 1 : 0;
      if (tag || next < named.size())
        files.push_back(file_.parent_path() / (tag ? *tag : named[next++]));
    }
    if (files.size() < tags.size() || next < named.size())
      reject_line(file_, line_, "{} <audio> tags, but {} audio files", tags.size(),
                  own + named.size());
    return files;
  }

  std::optional<std::string> rejected_response(const json& object, const JsonlRow& row) const {
    const auto present = [&](const char* key) {
      return object.contains(key) && !object.at(key).is_null();
    };
    if (!present("rejected_response"))
      return present("rejected_messages") ? last_of_rejected(object, row) : std::nullopt;
    if (present("rejected_messages"))
      reject_line(file_, line_, "rejected_response and rejected_messages cannot both be given");
    const json& response = object.at("rejected_response");
    if (!response.is_string() || response.get_ref<const std::string&>().empty())
      reject_line(file_, line_, "rejected_response must be text, and not empty");
    return response.get<std::string>();
  }

  // The reply that `rejected_messages` ends with, after the same turns as `messages`.
  std::optional<std::string> last_of_rejected(const json& object, const JsonlRow& row) const {
    AudioTags tags;
    const auto rejected = messages(object.at("rejected_messages"), tags);
    const bool same_audio =
        audio_files(object, object.contains("rejected_audios") ? "rejected_audios" : "audios",
                    tags) == row.audios;
    const size_t before = rejected.size() - 1;
    bool same = same_audio && rejected.size() == row.messages.size();
    for (size_t i = 0; same && i < before; ++i) same = equal(rejected[i], row.messages[i]);
    if (!same)
      reject_line(
          file_, line_,
          "rejected_messages must be `messages` with the same clips and another last reply");
    const ChatMessage& last = rejected.back();
    if (last.role != "assistant" || last.parts.size() != 1 ||
        last.parts[0].kind != ContentPart::Kind::kText)
      reject_line(file_, line_,
                  "rejected_messages must end with the assistant's text, and not empty");
    return last.parts[0].text;
  }

  static bool equal(const ChatMessage& a, const ChatMessage& b) {
    return a.role == b.role && std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(),
                                          b.parts.end(), [](const auto& x, const auto& y) {
                                            return x.kind == y.kind && x.text == y.text &&
                                                   x.audio_index == y.audio_index;
                                          });
  }

  const fs::path& file_;
  size_t line_;
};

}  // namespace

JsonlRow parse_jsonl_row(const std::string& text, const fs::path& file, size_t line) {
  if (!is_valid_utf8(text)) reject_line(file, line, "not valid UTF-8");
  return RowParser(file, line).parse(text);
}

void check_audio_files(JsonlRow& row, const fs::path& file) {
  row.audio_samples.clear();
  for (const auto& path : row.audios) {
    AudioClip clip;
    try {
      clip = load_audio_file(path);
    } catch (const Error& error) {
      reject_line(file, row.line, "{}", error.what());
    }
    if (clip.seconds() > kLongestClipSeconds)
      reject_line(file, row.line, "{} is {:.1f} s long; one clip may have {} s", path.string(),
                  clip.seconds(), kLongestClipSeconds);
    if (audio_token_count(mel_frame_count(std::ssize(clip.samples)), AudioRule::kHuggingFace) < 1)
      reject_line(file, row.line, "{} is {:.3f} s long: too short to be heard", path.string(),
                  clip.seconds());
    row.audio_samples.push_back(static_cast<int64_t>(clip.samples.size()));
  }
}

JsonlFile read_jsonl(const fs::path& path) {
  JsonlFile file;
  file.path = path;
  JsonlLines lines(path);
  uintmax_t audio_bytes = 0;
  while (lines.next()) {
    file.rows.push_back(parse_jsonl_row(lines.text(), path, lines.number()));
    check_audio_files(file.rows.back(), path);
    for (const auto& audio : file.rows.back().audios) audio_bytes += fs::file_size(audio);
  }
  if (file.rows.empty()) fail(ErrorCode::kInvalidData, "{} has no samples", path.string());
  file.fingerprint = fmt::format("jsonl {} bytes, hash {:016x}, audio {} bytes", lines.bytes(),
                                 lines.hash(), audio_bytes);
  return file;
}

RowSplit split_rows(const std::vector<size_t>& lines) {
  RowSplit split;
  for (size_t i = 0; i < lines.size(); ++i)
    (lines[i] % 10 == 0 ? split.test : split.train).push_back(i);
  if (lines.size() >= 20 && !split.test.empty() && !split.train.empty()) return split;
  split.train.clear();  // too few to keep some apart
  for (size_t i = 0; i < lines.size(); ++i) split.train.push_back(i);
  split.test = split.train;
  return split;
}

RowSplit split_rows(const JsonlFile& file) {
  std::vector<size_t> lines;
  for (const auto& row : file.rows) lines.push_back(row.line);
  return split_rows(lines);
}

}  // namespace stapes::train
