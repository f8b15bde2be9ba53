#include "audio/audio_file.h"
#include "train/data/jsonl_rows.h"
#include "train/data/shuffle.h"
#include "train/data/source.h"

namespace stapes::train {
namespace {

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
  JsonlSource(const std::filesystem::path& path, uint64_t seed, const Tokenizer& tokenizer,
              int64_t mel_bands)
      : seed_(seed), tokenizer_(tokenizer), mel_(mel_bands), file_(read_jsonl(path)) {
    for (const JsonlRow& row : file_.rows) {
      const ChatMessage& last = row.messages.back();
      if (last.role != "assistant")
        file_.reject(row.line, "the last message must be the assistant's");
      if (last.parts.size() != 1 || last.parts[0].kind != ContentPart::Kind::kText)
        file_.reject(row.line, "the assistant's last message must be text, and not empty");
    }
    split_ = split_rows(file_);
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const auto& rows = phase == Phase::kTraining ? split_.train : split_.test;
    const uint64_t place =
        phase == Phase::kTraining ? shuffled(index, rows.size(), seed_) : index % rows.size();
    const JsonlRow& row = file_.rows[rows[place]];
    std::vector<MelSpectrogram> mels;
    for (const auto& path : row.audios) mels.push_back(mel_.compute(load_audio_file(path).samples));
    Question question;
    question.messages.assign(row.messages.begin(), row.messages.end() - 1);
    question.reply = reply_of(row.messages.back().parts[0].text);
    return make_example(tokenizer_, std::move(mels), {question});
  }

  std::string fingerprint() const override { return file_.fingerprint; }

 private:
  uint64_t seed_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  JsonlFile file_;
  RowSplit split_;
};

}  // namespace

std::unique_ptr<ExampleSource> jsonl_source(const std::filesystem::path& path, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands) {
  return std::make_unique<JsonlSource>(path, seed, tokenizer, mel_bands);
}

}  // namespace stapes::train
