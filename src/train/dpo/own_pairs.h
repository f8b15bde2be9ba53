// A run's pairs by self-distillation: sampled once, found again afterwards.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "train/dpo_recipe.h"
#include "train/parallel/ranks.h"
#include "train/rl/prompts.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// What of the recipe says which questions about the sound world are asked.
WorldPromptOptions world_options(const DpoRecipe& recipe);

// The file of the pairs, `pairs.jsonl` in the run's folder, by the model whose weights have that
// hash. Pairs that the same recipe and model made are left as they are; `pairs.json` beside them
// says what came of the sampling. Called by all ranks together.
// Throws kInvalidData (no pair came of it), kIo, kCancelled (stop).
std::filesystem::path own_pairs(const DpoRecipe& recipe, const std::string& model_hash,
                                const RolloutEngine& engine, const Ranks& ranks,
                                const std::atomic<bool>* stop);

}  // namespace stapes::train
