#include "train/rl/targets.h"

#include <algorithm>

#include "train/rl/advantages.h"

namespace stapes::train {
namespace {

std::span<double> of_reply(std::vector<double>& values, const RaggedTokens& tokens, size_t reply) {
  return std::span(values).subspan(tokens.begin(reply), tokens.length(reply));
}

BatchTargets compare_in_groups(std::span<const Rollout> rollouts, const RaggedTokens& tokens,
                               const RlRecipe& recipe) {
  const std::vector<double> rewards = rewards_of(rollouts);
  const std::vector<size_t> groups = groups_of(rollouts);
  const std::vector<double> of_replies =
      recipe.advantage.estimator == "grpo" ? grpo(rewards, groups) : rloo(rewards, groups);
  BatchTargets targets;
  targets.advantages.resize(tokens.tokens());
  for (size_t i = 0; i < tokens.replies(); ++i)
    std::ranges::fill(of_reply(targets.advantages, tokens, i), of_replies[i]);
  return targets;
}

std::vector<double> token_rewards(const Rollout& rollout, size_t begin, const BatchScores& scores,
                                  const PolicyRecipe& policy) {
  std::vector<double> rewards(rollout.ids.size(), 0.0);
  if (policy.kl == "k1")
    for (size_t t = 0; t < rewards.size(); ++t)
      rewards[t] =
          -policy.kl_weight * (scores.log_probs[begin + t] - scores.reference_log_probs[begin + t]);
  rewards.back() += *rollout.reward.total;
  return rewards;
}

}  // namespace

BatchTargets make_targets(std::span<const Rollout> rollouts, const BatchScores& scores,
                          const RlRecipe& recipe) {
  const RaggedTokens tokens = tokens_of(rollouts);
  if (!recipe.has_critic()) return compare_in_groups(rollouts, tokens, recipe);
  BatchTargets targets;
  targets.advantages.resize(tokens.tokens());
  targets.returns.resize(tokens.tokens());
  for (size_t i = 0; i < tokens.replies(); ++i) {
    const auto values = std::span(scores.values).subspan(tokens.begin(i), tokens.length(i));
    gae(token_rewards(rollouts[i], tokens.begin(i), scores, recipe.policy), values,
        recipe.advantage.gamma, recipe.advantage.lambda, of_reply(targets.advantages, tokens, i),
        of_reply(targets.returns, tokens, i));
  }
  if (recipe.advantage.whiten) whiten(targets.advantages);
  return targets;
}

}  // namespace stapes::train
