// From rewards and scores to what the updates aim at.
#pragma once

#include <span>

#include "train/rl/actor_critic.h"
#include "train/rl/rollouts.h"
#include "train/rl_recipe.h"

namespace stapes::train {

// The reward of a reply stands on its last token: the stop token, or the last one before the limit
// cut it. "gae" needs scores.values; policy.kl = "k1" takes its share off each token's reward.
// `rollouts` in order of prompts, all of them with a reward.
BatchTargets make_targets(std::span<const Rollout> rollouts, const BatchScores& scores,
                          const RlRecipe& recipe);

}  // namespace stapes::train
