#include "train/rl/prompt_mix.h"

#include <fmt/format.h>

#include <algorithm>

#include "train/data/mixed_source.h"
#include "train/data/shuffle.h"

namespace stapes::train {
namespace {

class MixedPrompts : public PromptSource {
 public:
  MixedPrompts(std::shared_ptr<const PromptSource> audio, std::shared_ptr<const PromptSource> text,
               double text_share, uint64_t seed)
      : parts_{std::move(audio), std::move(text)},
        text_share_(text_share),
        seed_(seed),
        mixture_({1 - text_share, text_share}, seed) {}

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    const Mixture::Place place = mixture_.place(index);
    const PromptSource& part = *parts_[place.part];
    const bool shuffle = phase == Phase::kTraining && part.count() > 0;
    return part.get(phase, shuffle ? shuffled(place.index, part.count(), seed_) : place.index);
  }

  uint64_t count() const override { return 0; }

  // As many as neither part has to repeat one.
  uint64_t evaluation_count() const override {
    double count = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto has = static_cast<double>(parts_[i]->evaluation_count());
      if (has == 0) continue;
      const double fits = has / (i == 0 ? 1 - text_share_ : text_share_);
      count = count == 0 ? fits : std::min(count, fits);
    }
    return static_cast<uint64_t>(count);
  }

  std::vector<std::string> tasks() const override {
    std::vector<std::string> tasks = parts_[0]->tasks();
    for (const std::string& task : parts_[1]->tasks())
      if (std::ranges::find(tasks, task) == tasks.end()) tasks.push_back(task);
    return tasks;
  }

  std::string fingerprint() const override {
    return fmt::format("{} with {} of text: {}", parts_[0]->fingerprint(), text_share_,
                       parts_[1]->fingerprint());
  }

 private:
  std::vector<std::shared_ptr<const PromptSource>> parts_;
  double text_share_;
  uint64_t seed_;
  Mixture mixture_;
};

class PromptsFrom : public PromptSource {
 public:
  PromptsFrom(std::shared_ptr<const PromptSource> source, uint64_t first)
      : source_(std::move(source)), first_(first) {}

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    return source_->get(phase, phase == Phase::kTraining ? first_ + index : index);
  }
  uint64_t count() const override { return 0; }
  uint64_t evaluation_count() const override { return source_->evaluation_count(); }
  std::vector<std::string> tasks() const override { return source_->tasks(); }
  std::string fingerprint() const override {
    return fmt::format("{} from {}", source_->fingerprint(), first_);
  }

 private:
  std::shared_ptr<const PromptSource> source_;
  uint64_t first_;
};

}  // namespace

std::shared_ptr<const PromptSource> mixed_prompts(std::shared_ptr<const PromptSource> audio,
                                                  std::shared_ptr<const PromptSource> text,
                                                  double text_share, uint64_t seed) {
  return std::make_shared<MixedPrompts>(std::move(audio), std::move(text), text_share, seed);
}

std::shared_ptr<const PromptSource> prompts_from(std::shared_ptr<const PromptSource> source,
                                                 uint64_t first) {
  if (source->count() > 0) return source;
  return std::make_shared<PromptsFrom>(std::move(source), first);
}

std::shared_ptr<const PromptSource> audio_prompts_of(const RlDataRecipe& recipe, uint64_t seed,
                                                     const Tokenizer& tokenizer,
                                                     int64_t max_prompt_tokens) {
  if (!recipe.jsonl.empty()) return jsonl_prompts(recipe.jsonl, tokenizer, max_prompt_tokens);
  return world_prompts({.digits_folder = recipe.digits_folder,
                        .tasks = recipe.tasks,
                        .paraphrase_share = recipe.paraphrase_share,
                        .max_digits = recipe.max_digits,
                        .max_notes = recipe.max_notes,
                        .seed = seed});
}

std::shared_ptr<const PromptSource> with_text(std::shared_ptr<const PromptSource> audio,
                                              const RlDataRecipe& recipe, uint64_t seed,
                                              const Tokenizer& tokenizer,
                                              int64_t max_prompt_tokens) {
  if (recipe.text_jsonl.empty()) return audio;
  return mixed_prompts(std::move(audio),
                       jsonl_prompts(recipe.text_jsonl, tokenizer, max_prompt_tokens),
                       recipe.text_share, seed);
}

std::shared_ptr<const PromptSource> prompts_of(const RlDataRecipe& recipe, uint64_t seed,
                                               const Tokenizer& tokenizer,
                                               int64_t max_prompt_tokens) {
  return with_text(audio_prompts_of(recipe, seed, tokenizer, max_prompt_tokens), recipe, seed,
                   tokenizer, max_prompt_tokens);
}

}  // namespace stapes::train
