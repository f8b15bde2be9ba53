#include "train/mgrd/distilled_source.h"

#include <algorithm>

#include "base/fail.h"
#include "base/rng.h"
#include "train/data/shuffle.h"
#include "train/mgrd/chain.h"
#include "train/run/file_hash.h"

namespace stapes::train {
namespace {

class DistilledSource : public ExampleSource {
 public:
  DistilledSource(const std::filesystem::path& path, std::shared_ptr<const PromptSource> prompts,
                  const DistilledOptions& options, const Tokenizer& tokenizer, int64_t mel_bands)
      : path_(path),
        prompts_(std::move(prompts)),
        options_(options),
        tokenizer_(tokenizer),
        mel_(mel_bands),
        sha256_(sha256_of_file(path)) {
    for (Chain& chain : read_chains(path)) {
      rows_.push_back({chain.question, std::move(chain.id), std::move(chain.ids),
                       std::move(chain.thinking), std::move(chain.answer)});
      for (const TokenId id : rows_.back().ids)
        if (id < 0 || static_cast<size_t>(id) >= tokenizer.size())
          fail(ErrorCode::kInvalidData, "{}:{}: the id {} is none of the tokenizer's {}",
               path.string(), rows_.size(), id, tokenizer.size());
    }
    if (rows_.empty()) fail(ErrorCode::kInvalidData, "{} holds no chains", path.string());
    const bool enough = rows_.size() >= 20;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (!enough || i % 10 != 9) train_.push_back(i);
      if (!enough || i % 10 == 9) test_.push_back(i);
    }
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const std::vector<size_t>& places = phase == Phase::kTraining ? train_ : test_;
    const uint64_t place = phase == Phase::kTraining ? shuffled(index, places.size(), options_.seed)
                                                     : index % places.size();
    const size_t number = places[place];
    const Row& row = rows_[number];
    RolloutPrompt prompt = prompts_->get(Phase::kTraining, row.question);
    if (prompt.id != row.id)
      fail(ErrorCode::kInvalidData, "{}:{} is a chain of {}, but question {} is {}", path_.string(),
           number + 1, row.id, row.question, prompt.id);
    std::vector<MelSpectrogram> mels;
    for (const AudioClip& clip : prompt.clips) mels.push_back(mel_.compute(clip.samples));
    Question question{.messages = std::move(prompt.messages), .reply = reply_of(row, phase, index)};
    TrainingExample example = make_example(tokenizer_, std::move(mels), {question});
    example.origin = fmt::format("{}:{}", path_.string(), number + 1);
    return example;
  }

  std::string fingerprint() const override {
    return fmt::format("distilled {} chains, sha256 {}, {:g} cut, of {}", rows_.size(), sha256_,
                       options_.cut_thought_share, prompts_->fingerprint());
  }

 private:
  struct Row {
    uint64_t question;
    std::string id;
    std::vector<TokenId> ids;
    std::string thinking, answer;
  };

  Reply reply_of(const Row& row, Phase phase, uint64_t index) const {
    Rng rng(options_.seed, index);
    if (phase == Phase::kTraining && !row.thinking.empty() &&
        rng.chance(options_.cut_thought_share))
      return reply_with_cut_thought(tokenizer_, row.thinking, row.answer, rng.uniform());
    return {.assistant_prefix = "<think>\n", .text = {}, .sampled = row.ids};
  }

  std::filesystem::path path_;
  std::shared_ptr<const PromptSource> prompts_;
  DistilledOptions options_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  std::string sha256_;
  std::vector<Row> rows_;
  std::vector<size_t> train_, test_;
};

}  // namespace

std::shared_ptr<const ExampleSource> distilled_source(const std::filesystem::path& path,
                                                      std::shared_ptr<const PromptSource> prompts,
                                                      const DistilledOptions& options,
                                                      const Tokenizer& tokenizer,
                                                      int64_t mel_bands) {
  return std::make_shared<DistilledSource>(path, std::move(prompts), options, tokenizer, mel_bands);
}

}  // namespace stapes::train
