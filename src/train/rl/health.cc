#include "train/rl/health.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "train/rl/advantages.h"
#include "train/rl/statistics.h"

namespace stapes::train {
namespace {

double share_of(size_t part, size_t all) {
  return all == 0 ? std::nan("") : static_cast<double>(part) / static_cast<double>(all);
}

// To the starting model, over the tokens for which it was asked.
struct Distance {
  double k1 = std::nan(""), k3 = std::nan("");
};
Distance distance_to_start(const BatchScores& scores) {
  std::vector<double> k1, k3;
  for (size_t i = 0; i < scores.log_probs.size(); ++i) {
    const double log_ratio = scores.reference_log_probs[i] - scores.log_probs[i];
    if (std::isnan(log_ratio)) continue;
    k1.push_back(-log_ratio);
    k3.push_back(std::exp(log_ratio) - 1 - log_ratio);
  }
  return {mean(k1), mean(k3)};
}

}  // namespace

Mismatch compare_log_probs(std::span<const Rollout> rollouts, const BatchScores& scores) {
  Mismatch mismatch;
  size_t place = 0;
  for (const Rollout& rollout : rollouts) {
    for (const double logprob : rollout.logprobs) {
      const double difference = std::abs(logprob - scores.log_probs[place++]);
      mismatch.mean += difference;
      // Not std::max: it would lose a NaN.
      if (!(difference <= mismatch.max)) mismatch.max = difference;
    }
  }
  mismatch.mean /= static_cast<double>(std::max<size_t>(place, 1));
  if (std::isnan(mismatch.mean)) mismatch.max = mismatch.mean;
  return mismatch;
}

double repetition(std::span<const TokenId> ids) {
  constexpr size_t kWords = 4;
  if (ids.size() < kWords + 1) return 0;
  std::set<std::array<TokenId, kWords>> different;
  const size_t all = ids.size() - kWords + 1;
  for (size_t i = 0; i < all; ++i) different.insert({ids[i], ids[i + 1], ids[i + 2], ids[i + 3]});
  return 1 - share_of(different.size(), all);
}

Figures reply_figures(std::span<const RolloutPrompt> prompts, std::span<const Rollout> rollouts,
                      const std::vector<std::string>& parts,
                      const std::vector<std::string>& tasks) {
  const std::vector<double> rewards = rewards_of(rollouts);
  std::vector<double> lengths, repeated;
  size_t truncated = 0;
  for (const Rollout& rollout : rollouts) {
    lengths.push_back(static_cast<double>(rollout.ids.size()));
    repeated.push_back(repetition(rollout.ids));
    truncated += rollout.stop == StopReason::kLength ? 1 : 0;
  }
  Figures figures = {{"reward", mean(rewards)}, {"reward_deviation", standard_deviation(rewards)}};
  for (const auto& part : parts) {
    std::vector<double> values;
    for (const Rollout& rollout : rollouts)
      if (const auto found = rollout.reward.parts.find(part); found != rollout.reward.parts.end())
        values.push_back(found->second);
    figures.emplace_back(part, mean(values));
  }
  figures.insert(figures.end(), {{"length_mean", mean(lengths)},
                                 {"length_p95", quantile(lengths, 0.95)},
                                 {"length_max", quantile(lengths, 1)},
                                 {"truncated", share_of(truncated, rollouts.size())},
                                 {"repetition", mean(repeated)}});
  for (const auto& task : tasks) {
    std::vector<double> right;
    for (const Rollout& rollout : rollouts)
      if (prompts[rollout.prompt].task == task)
        right.push_back(rollout.reward.parts.at(kAccuracyPart));
    figures.emplace_back("accuracy/" + task, mean(right));
  }
  return figures;
}

Figures health_panel(const Iteration& it, const std::vector<std::string>& parts,
                     const std::vector<std::string>& tasks) {
  Figures figures = reply_figures(it.prompts, it.rollouts, parts, tasks);
  const Distance start = distance_to_start(it.scores);
  const RatioFigures& ratios = it.policy.ratios;
  const auto compared = static_cast<double>(std::max<int64_t>(ratios.tokens, 1));
  const double seconds = it.rollout_s + it.score_s + it.policy_s + it.critic_s;
  const auto tokens = static_cast<double>(it.tokens());
  const bool compares = ratios.tokens > 0;
  figures.insert(
      figures.end(),
      {{"groups_without_variance",
        share_without_variance(rewards_of(it.rollouts), groups_of(it.rollouts))},
       {"unjudged", static_cast<double>(it.unjudged)},
       {"entropy", mean(it.scores.entropies)},
       {"kl_k1", start.k1},
       {"kl_k3", start.k3},
       {"ratio_min", compares ? ratios.low : std::nan("")},
       {"ratio_max", compares ? ratios.high : std::nan("")},
       {"first_ratio_error", it.policy.first_ratio_error},
       {"clipped_share", static_cast<double>(ratios.clipped) / compared},
       {"approx_kl", ratios.kl_sum / compared},
       {"policy_loss", it.policy.loss},
       {"policy_gradient_norm", it.policy.gradient_norm},
       {"policy_learning_rate", it.policy.learning_rate},
       {"policy_waited", it.policy_waited ? 1.0 : 0.0},
       {"critic_loss", it.critic.loss},
       {"critic_gradient_norm", it.critic.gradient_norm},
       {"critic_learning_rate", it.critic.learning_rate},
       {"explained_variance", it.explained_variance},
       {"value_rank_correlation", rank_correlation(it.scores.values, it.targets.returns)},
       {"value_mean", mean(it.scores.values)},
       {"return_mean", mean(it.targets.returns)},
       {"mismatch_mean", it.mismatch.mean},
       {"mismatch_max", it.mismatch.max},
       {"skipped_updates", static_cast<double>(it.policy.skipped + it.critic.skipped)},
       {"tokens", tokens},
       {"tokens_per_s", tokens / seconds},
       {"rollout_tokens_per_s", tokens / it.rollout_s},
       {"rollout_s", it.rollout_s},
       {"score_s", it.score_s},
       {"policy_s", it.policy_s},
       {"critic_s", it.critic_s}});
  return figures;
}

}  // namespace stapes::train
