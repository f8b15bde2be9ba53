#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/rng.h"
#include "text/utf8.h"
#include "train/data/source.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Sample {
  std::vector<ChatMessage> messages;  // the last one is the assistant's
  std::vector<fs::path> audios;
};

// Where in the file we are, for messages.
struct Place {
  const fs::path& file;
  size_t line;
  template <typename... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidData, "{}:{}: {}", file.string(), line,
         fmt::format(format, std::forward<Args>(args)...));
  }
};

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

// The content-list form: [{"type":"text","text":...}, {"type":"audio","audio":PATH}].
std::vector<ContentPart> parts_of(const json& list, Sample& sample, size_t& next_audio,
                                  const fs::path& folder, const Place& place) {
  std::vector<ContentPart> parts;
  for (const auto& item : list) {
    const std::string type = item.value("type", "");
    if (type == "text") {
      parts.push_back(ContentPart::of_text(item.at("text").get<std::string>()));
    } else if (type == "audio") {
      sample.audios.push_back(folder / item.at("audio").get<std::string>());
      parts.push_back(ContentPart::of_audio(next_audio++));
    } else {
      place.reject("content type \"{}\" is not \"text\" or \"audio\"", type);
    }
  }
  return parts;
}

Sample parse_line(const std::string& line, const fs::path& folder, const Place& place) {
  Sample sample;
  size_t audio_tags = 0;
  try {
    const json row = json::parse(line);
    for (const auto& message : row.at("messages")) {
      const auto& content = message.at("content");
      const std::string role = message.at("role").get<std::string>();
      sample.messages.push_back({role, content.is_array()
                                           ? parts_of(content, sample, audio_tags, folder, place)
                                           : parts_of(content.get<std::string>(), audio_tags)});
    }
    if (row.contains("audios"))
      for (const auto& path : row.at("audios"))
        sample.audios.push_back(folder / path.get<std::string>());
  } catch (const json::exception& error) {
    place.reject("expected an object with `messages` and `audios`: {}", error.what());
  }
  if (sample.messages.empty() || sample.messages.back().role != "assistant")
    place.reject("the last message must be the assistant's");
  if (sample.messages.back().parts.size() != 1 ||
      sample.messages.back().parts[0].kind != ContentPart::Kind::kText)
    place.reject("the assistant's last message must be text, and not empty");
  if (audio_tags != sample.audios.size())
    place.reject("{} <audio> tags, but {} audio files", audio_tags, sample.audios.size());
  return sample;
}

// "<think>\nTHINKING\n</think>\nANSWER" as the release writes it; a reply without a thought gets
// the empty one.
Reply reply_of(const std::string& text) {
  constexpr std::string_view kOpen = "<think>\n", kEmpty = "<think>\n\n</think>\n";
  if (text.starts_with(kEmpty)) return reply_without_thinking(text.substr(kEmpty.size()));
  if (text.starts_with(kOpen)) return {std::string(kOpen), text.substr(kOpen.size())};
  return reply_without_thinking(text);
}

class JsonlSource : public ExampleSource {
 public:
  JsonlSource(const fs::path& path, uint64_t seed, const Tokenizer& tokenizer, int64_t mel_bands)
      : seed_(seed), tokenizer_(tokenizer), mel_(mel_bands) {
    const std::string text = read_file(path, size_t{4} << 30);
    fingerprint_ = fmt::format("jsonl {} bytes, hash {:016x}", text.size(), hash(text));
    const fs::path folder = path.parent_path();
    std::istringstream lines(text);
    std::string line;
    for (size_t number = 1; std::getline(lines, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      const Place place{path, number};
      if (!is_valid_utf8(line)) place.reject("not valid UTF-8");
      Sample sample = parse_line(line, folder, place);
      check_audio(sample, place);
      const bool test = number % 10 == 0;
      (test ? test_ : train_).push_back(std::move(sample));
    }
    if (train_.empty()) fail(ErrorCode::kInvalidData, "{} has no samples", path.string());
    if (train_.size() + test_.size() < 20 || test_.empty()) {
      std::move(test_.begin(), test_.end(), std::back_inserter(train_));
      test_ = train_;  // too few to keep some apart
    }
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const auto& samples = phase == Phase::kTraining ? train_ : test_;
    const Sample& sample =
        samples[phase == Phase::kTraining ? shuffled(index) : index % samples.size()];
    std::vector<MelSpectrogram> mels;
    for (const auto& path : sample.audios)
      mels.push_back(mel_.compute(load_audio_file(path).samples));
    Question question;
    question.messages.assign(sample.messages.begin(), sample.messages.end() - 1);
    question.reply = reply_of(sample.messages.back().parts[0].text);
    return make_example(tokenizer_, std::move(mels), {question});
  }

  std::string fingerprint() const override { return fingerprint_; }

 private:
  static uint64_t hash(const std::string& text) {
    uint64_t value = 0xcbf29ce484222325ULL;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return value;
  }

  static void check_audio(const Sample& sample, const Place& place) {
    for (const auto& path : sample.audios) {
      try {
        const AudioClip clip = load_audio_file(path);
        if (clip.seconds() > 29.98)
          place.reject("{} is {:.1f} s long; one clip may have 29.98 s", path.string(),
                       clip.seconds());
      } catch (const Error& error) {
        place.reject("{}", error.what());
      }
    }
  }

  // A fresh permutation for each pass, without keeping one in memory: samples sorted by a keyed
  // hash would cost a sort per pass, so a pass walks i -> (a * i + b) mod n with a coprime to n.
  size_t shuffled(uint64_t index) const {
    const uint64_t n = train_.size();
    const uint64_t pass = index / n;
    Rng rng(seed_, 0x73687566 /* "shuf" */, pass);
    uint64_t step = 1 + rng.next() % n;
    while (std::gcd(step, n) != 1) step = step % n + 1;
    const uint64_t offset = rng.next() % n;
    return static_cast<size_t>((index % n * step + offset) % n);
  }

  uint64_t seed_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  std::vector<Sample> train_, test_;
  std::string fingerprint_;
};

}  // namespace

std::unique_ptr<ExampleSource> jsonl_source(const std::filesystem::path& path, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands) {
  return std::make_unique<JsonlSource>(path, seed, tokenizer, mel_bands);
}

}  // namespace stapes::train
