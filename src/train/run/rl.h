// Reinforcement learning with verified rewards (the paper's section 3.2): PPO with a critic, or
// GRPO or RLOO without one.
#pragma once

#include <atomic>
#include <memory>

#include "train/parallel/ranks.h"
#include "train/rl/prompts.h"
#include "train/rl/reward.h"
#include "train/rl_recipe.h"

namespace stapes::train {

struct RlOptions {
  bool resume = false;                      // go on from the run's latest checkpoint, bit for bit
  const std::atomic<bool>* stop = nullptr;  // set by a signal: save a checkpoint and return
  // In place of what the recipe asks for.
  std::shared_ptr<const PromptSource> prompts = nullptr;
  std::shared_ptr<RewardFunction> reward = nullptr;
  const Ranks* ranks = nullptr;  // the processes that share this run; none: it is alone
};

struct RlResult {
  int64_t iterations = 0;
  bool finished = false;
  bool saved = false;   // there is a checkpoint to go on from
  double reward = 0;    // of the last iteration, mean
  double accuracy = 0;  // of the last evaluation, greedy
};

// Runs the recipe to its end and writes the model to recipe.model.output (if given).
// Throws kNotFound, kInvalidData (prompts; a recipe, data or starting model that changed under
// --resume; log-probabilities of engine and trainer that differ by more than the recipe allows;
// three iterations in a row whose numbers are not finite, the last one is then kept as
// bad-step-*.json), kIo (a full disk: the last good checkpoint stays).
RlResult run_rl(const RlRecipe& recipe, const RlOptions& options);

}  // namespace stapes::train
