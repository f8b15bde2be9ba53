// The figures by which an iteration is judged.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "train/rl/actor_critic.h"
#include "train/rl/prompts.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// How far the engine's log-probabilities of the sampled tokens are from the trainer's.
struct Mismatch {
  double mean = 0, max = 0;  // of |difference|, nats; NaN if one of them is not finite
};
Mismatch compare_log_probs(std::span<const Rollout> rollouts, const BatchScores& scores);

// All that an iteration saw.
struct Iteration {
  std::vector<RolloutPrompt> prompts;
  std::vector<Rollout> rollouts;  // in order of prompts
  size_t unjudged = 0;            // replies without a reward: these are not among them
  BatchScores scores;
  BatchTargets targets;
  Mismatch mismatch;
  double explained_variance = 0;  // of the values before the critic's update
  bool policy_waited = false;     // for the critic
  UpdateFigures policy, critic;
  double rollout_s = 0, score_s = 0, policy_s = 0, critic_s = 0;

  int64_t tokens() const { return static_cast<int64_t>(scores.log_probs.size()); }
};

// What a reply repeats: 1 - different 4-grams / 4-grams; 0 for less than two of them.
double repetition(std::span<const TokenId> ids);

using Figures = std::vector<std::pair<std::string, double>>;

// Of replies alone: reward, each part, length, truncation, and the accuracy of each task, which is
// NaN where it was not asked. The names depend on `parts` and `tasks` only.
Figures reply_figures(std::span<const RolloutPrompt> prompts, std::span<const Rollout> rollouts,
                      const std::vector<std::string>& parts, const std::vector<std::string>& tasks);

// Those and what is known of the policy, the critic and the time it took.
Figures health_panel(const Iteration& iteration, const std::vector<std::string>& parts,
                     const std::vector<std::string>& tasks);

}  // namespace stapes::train
