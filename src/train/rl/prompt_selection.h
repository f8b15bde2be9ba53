// Trying prompts out with the policy, to keep those that are worth training on.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

#include "train/rl/prompts.h"
#include "train/rl/reward.h"
#include "train/rl/rollouts.h"
#include "train/rl/selection.h"

namespace stapes::train {

struct TryOutOptions {
  int64_t pool = 0;    // so many prompts of the source; all of them if it has less
  uint64_t first = 0;  // from this one on, where there is no end of them
  PassRange range;
  int max_tokens = 256;
  int prompts_at_once = 64;
  uint64_t seed = 0;
  const std::atomic<bool>* stop = nullptr;  // as in Generator::generate_batch
  const Ranks* ranks = nullptr;             // as in RolloutOptions
  std::function<void(int64_t done, int64_t all)> on_progress = {};
};

// Samples range.samples answers to each prompt and counts those whose accuracy is 1. What is kept
// are indices of the source.
// Throws as RolloutEngine::generate and grade.
Selection try_out(const PromptSource& prompts, const RolloutEngine& engine, RewardFunction& reward,
                  const TryOutOptions& options);

// The same for a run: shows how far it is, and keeps the histogram in `file`. `options.on_progress`
// is not used. Throws kInvalidData where no prompt is kept, and kIo.
Selection choose_prompts(const PromptSource& prompts, const RolloutEngine& engine,
                         RewardFunction& reward, const TryOutOptions& options,
                         const std::filesystem::path& file);

}  // namespace stapes::train
