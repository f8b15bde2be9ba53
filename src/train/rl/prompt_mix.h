// Prompts put together: with sound and without, and parts of an endless source that never meet.
#pragma once

#include <memory>

#include "train/rl/prompts.h"
#include "train/rl_recipe.h"

namespace stapes::train {

// `text_share` of the prompts are those of `text`, of any stretch of indices nearly exactly. Each
// part that has an end is passed through again and again, each time in an order of its own.
std::shared_ptr<const PromptSource> mixed_prompts(std::shared_ptr<const PromptSource> audio,
                                                  std::shared_ptr<const PromptSource> text,
                                                  double text_share, uint64_t seed);

// For training, prompts from `first` on where there is no end of them; else the source itself.
std::shared_ptr<const PromptSource> prompts_from(std::shared_ptr<const PromptSource> source,
                                                 uint64_t first);

// With sound: of the recipe's JSONL, or of the sound world with `seed`. Throws as jsonl_prompts and
// world_prompts.
std::shared_ptr<const PromptSource> audio_prompts_of(const RlDataRecipe& recipe, uint64_t seed,
                                                     const Tokenizer& tokenizer,
                                                     int64_t max_prompt_tokens);
// All prompts of a recipe: those, mixed with text where it asks for it.
std::shared_ptr<const PromptSource> prompts_of(const RlDataRecipe& recipe, uint64_t seed,
                                               const Tokenizer& tokenizer,
                                               int64_t max_prompt_tokens);
// The same with other prompts with sound than the recipe's.
std::shared_ptr<const PromptSource> with_text(std::shared_ptr<const PromptSource> audio,
                                              const RlDataRecipe& recipe, uint64_t seed,
                                              const Tokenizer& tokenizer,
                                              int64_t max_prompt_tokens);

}  // namespace stapes::train
