#include "audio/audio_file.h"
#include "base/log.h"
#include "spec/audio_tokens.h"
#include "train/data/jsonl_samples.h"
#include "train/data/jsonl_shards.h"
#include "train/data/shuffle.h"
#include "train/data/source.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

class JsonlSource : public ExampleSource {
 public:
  JsonlSource(const fs::path& pattern, const JsonlSourceOptions& options,
              const Tokenizer& tokenizer, int64_t mel_bands, Quarantine& quarantine)
      : options_(options),
        tokenizer_(tokenizer),
        mel_(mel_bands),
        shards_(pattern, quarantine, [this](const JsonlRow& row, const fs::path& file) {
          const int64_t tokens = checked_tokens(row, file);
          const bool wanted = options_.max_tokens == 0 || tokens <= options_.max_tokens;
          if (wanted) tokens_.push_back(static_cast<uint32_t>(tokens));
          return wanted;
        }) {
    if (shards_.unwanted() > 0)
      spdlog::warn("{}: {} of {} samples have more than {} tokens and are left out",
                   pattern.string(), shards_.unwanted(), shards_.unwanted() + shards_.size(),
                   options.max_tokens);
    std::vector<size_t> lines;
    for (size_t row = 0; row < shards_.size(); ++row) lines.push_back(shards_.line(row));
    split_ = split_rows(lines);
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const size_t row_index = row_at(phase, index);
    const JsonlRow row = shards_.row(row_index);
    std::vector<MelSpectrogram> mels;
    std::vector<int64_t> tokens_per_audio;
    for (const auto& path : row.audios) {
      mels.push_back(mel_.compute(load_audio_file(path).samples));
      tokens_per_audio.push_back(audio_token_count(mels.back().frames, AudioRule::kHuggingFace));
    }
    TrainingExample example = rows_of(row, shards_.file(row_index), tokens_per_audio);
    example.mels = std::move(mels);
    example.origin = fmt::format("{}:{}", shards_.file(row_index).filename().string(), row.line);
    return example;
  }

  int64_t rows(Phase phase, uint64_t index, int64_t /*step*/) const override {
    return tokens_[row_at(phase, index)];
  }

  std::string fingerprint() const override { return shards_.fingerprint(); }
  uint64_t count() const override { return shards_.size(); }

 private:
  size_t row_at(Phase phase, uint64_t index) const {
    if (options_.in_file_order) return index % shards_.size();
    const auto& rows = phase == Phase::kTraining ? split_.train : split_.test;
    return rows[phase == Phase::kTraining ? shuffled(index, rows.size(), options_.seed)
                                          : index % rows.size()];
  }

  TrainingExample rows_of(const JsonlRow& row, const fs::path& file,
                          const std::vector<int64_t>& tokens_per_audio) const {
    return make_conversation_rows(tokenizer_, tokens_per_audio,
                                  questions_of(row, file, options_.empty_thought));
  }

  int64_t checked_tokens(const JsonlRow& row, const fs::path& file) const {
    std::vector<int64_t> tokens_per_audio;
    for (const int64_t samples : row.audio_samples)
      tokens_per_audio.push_back(
          audio_token_count(mel_frame_count(samples), AudioRule::kHuggingFace));
    return std::ssize(rows_of(row, file, tokens_per_audio).ids);
  }

  JsonlSourceOptions options_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  std::vector<uint32_t> tokens_;  // of each row of the shards
  JsonlShards shards_;
  RowSplit split_;
};

}  // namespace

std::unique_ptr<ExampleSource> jsonl_source(const fs::path& pattern,
                                            const JsonlSourceOptions& options,
                                            const Tokenizer& tokenizer, int64_t mel_bands,
                                            Quarantine& quarantine) {
  return std::make_unique<JsonlSource>(pattern, options, tokenizer, mel_bands, quarantine);
}

}  // namespace stapes::train
