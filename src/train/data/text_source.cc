#include "base/fail.h"
#include "base/rng.h"
#include "train/data/source.h"
#include "world/text_twins.h"

namespace stapes::train {
namespace {

class TextSource : public ExampleSource {
 public:
  TextSource(const TextSourceOptions& options, uint64_t seed, const Tokenizer& tokenizer)
      : options_(options), seed_(seed), tokenizer_(tokenizer) {
    if (options_.tasks.empty()) options_.tasks = world::text_tasks();
    for (const auto& task : options_.tasks) world::require_text_task(task);
    if (options.thinking_share < 0 || options.thinking_share > 1)
      fail(ErrorCode::kUsage, "expected thinking_share from 0 to 1, got {}",
           options.thinking_share);
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const bool training = phase == Phase::kTraining;
    const uint64_t seed = training ? seed_ : mix64(seed_ + 1);
    const size_t count = options_.tasks.size();
    const world::TextExample text = world::text_example(
        options_.tasks[index % count], training ? world::Split::kTrain : world::Split::kTest, seed,
        index / count);
    constexpr uint64_t kThinks = 5;  // a stream of its own
    Rng rng(seed, kThinks, index);
    return make_example(tokenizer_, {},
                        {{{{"user", {ContentPart::of_text(text.question)}}}, reply(text, rng)}});
  }

  std::string fingerprint() const override {
    return fmt::format("texts {} {}", fmt::join(options_.tasks, ","), options_.thinking_share);
  }

 private:
  Reply reply(const world::TextExample& text, Rng& rng) const {
    if (!rng.chance(options_.thinking_share))
      return reply_without_thinking(text.answer, options_.empty_thought);
    if (options_.cut_thought_share > 0 && rng.chance(options_.cut_thought_share))
      return reply_with_cut_thought(tokenizer_, text.thinking, text.answer, rng.uniform());
    return reply_with_thinking(text.thinking, text.answer);
  }

  TextSourceOptions options_;
  uint64_t seed_;
  const Tokenizer& tokenizer_;
};

}  // namespace

std::unique_ptr<ExampleSource> text_source(const TextSourceOptions& options, uint64_t seed,
                                           const Tokenizer& tokenizer) {
  return std::make_unique<TextSource>(options, seed, tokenizer);
}

}  // namespace stapes::train
