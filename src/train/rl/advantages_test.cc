// Advantages and the figures about them, against closed forms.
#include "train/rl/advantages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "stapes/error.h"
#include "train/rl/statistics.h"

namespace stapes::train {
namespace {

std::vector<double> random_values(size_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> values(count);
  for (double& value : values) value = rng.normal();
  return values;
}

TEST(Gae, WithGammaAndLambdaOneTheAdvantageIsRewardMinusValue) {
  for (const size_t length : {1U, 2U, 57U}) {
    const std::vector<double> values = random_values(length, length);
    std::vector<double> rewards(length, 0.0), advantages(length), returns(length);
    rewards.back() = 0.8;
    gae(rewards, values, 1, 1, advantages, returns);
    for (size_t t = 0; t < length; ++t) {
      EXPECT_NEAR(advantages[t], 0.8 - values[t], 1e-12);
      EXPECT_NEAR(returns[t], 0.8, 1e-12);
    }
  }
}

// The definition: the sum of discounted differences, computed without recursion.
TEST(Gae, MatchesItsDefinitionForOtherGammaAndLambda) {
  const size_t length = 9;
  const double gamma = 0.97, lambda = 0.8;
  const std::vector<double> values = random_values(length, 1), rewards = random_values(length, 2);
  std::vector<double> advantages(length), returns(length);
  gae(rewards, values, gamma, lambda, advantages, returns);
  for (size_t t = 0; t < length; ++t) {
    double expected = 0;
    for (size_t k = t; k < length; ++k) {
      const double next = k + 1 < length ? values[k + 1] : 0;
      expected += std::pow(gamma * lambda, static_cast<double>(k - t)) *
                  (rewards[k] + gamma * next - values[k]);
    }
    EXPECT_NEAR(advantages[t], expected, 1e-12);
    EXPECT_NEAR(returns[t], expected + values[t], 1e-12);
  }
}

TEST(Groups, GrpoAndRlooByHand) {
  const std::vector<double> rewards = {1, 0, 0, 1, 0.8, 0.8, 0.8, 0.8};
  const std::vector<size_t> groups = {0, 0, 0, 0, 1, 1, 1, 1};
  const std::vector<double> of_grpo = grpo(rewards, groups);
  EXPECT_NEAR(of_grpo[0], 0.5 / (0.5 + 1e-6), 1e-12);
  EXPECT_NEAR(of_grpo[1], -0.5 / (0.5 + 1e-6), 1e-12);
  const std::vector<double> of_rloo = rloo(rewards, groups);
  EXPECT_NEAR(of_rloo[0], 1 - 1.0 / 3, 1e-12);
  EXPECT_NEAR(of_rloo[1], 0 - 2.0 / 3, 1e-12);
  for (size_t i = 4; i < 8; ++i) {
    EXPECT_NEAR(of_grpo[i], 0, 1e-9);
    EXPECT_NEAR(of_rloo[i], 0, 1e-12);
  }
  EXPECT_DOUBLE_EQ(share_without_variance(rewards, groups), 0.5);
}

// Some replies could not be graded: what is left of a group is compared with itself.
TEST(Groups, OfDifferentSizes) {
  const std::vector<double> rewards = {1, 0, 0.6, 1, 0, 0.2};
  const std::vector<size_t> groups = {0, 0, 1, 2, 2, 2};
  const std::vector<double> of_rloo = rloo(rewards, groups), of_grpo = grpo(rewards, groups);
  EXPECT_NEAR(of_rloo[0], 1, 1e-12);
  EXPECT_EQ(of_rloo[2], 0);
  EXPECT_NEAR(of_grpo[2], 0, 1e-12);
  EXPECT_NEAR(of_rloo[3], 1 - 0.1, 1e-12);
  EXPECT_NEAR(of_grpo[0], 1, 1e-5);
}

TEST(Groups, NamesOfEstimators) {
  EXPECT_EQ(estimator_by_name("rloo"), Estimator::kRloo);
  EXPECT_THROW(estimator_by_name("reinforce"), Error);
}

// Replies of very different lengths: every token counts once, whatever reply it is of.
TEST(Whiten, CountsTokensAndNotReplies) {
  const std::vector<size_t> lengths = {1, 40, 7};
  const RaggedTokens tokens(lengths);
  std::vector<double> advantages(tokens.tokens());
  for (size_t i = 0; i < tokens.replies(); ++i)
    for (size_t t = tokens.begin(i); t < tokens.end(i); ++t)
      advantages[t] = i == 0 ? 5.0 : i == 1 ? 1.0 : -2.0;
  const double middle = (5.0 + 40 * 1.0 - 7 * 2.0) / 48;
  const double square = (25.0 + 40 * 1.0 + 7 * 4.0) / 48;
  const double deviation = std::sqrt(square - middle * middle);
  whiten(advantages);
  EXPECT_NEAR(advantages[0], (5 - middle) / deviation, 1e-12);
  EXPECT_NEAR(advantages[1], (1 - middle) / deviation, 1e-12);
  EXPECT_NEAR(advantages[47], (-2 - middle) / deviation, 1e-12);
  EXPECT_NEAR(mean(advantages), 0, 1e-12);
  EXPECT_NEAR(variance(advantages), 1, 1e-12);
}

TEST(Whiten, LeavesWhatDoesNotVary) {
  std::vector<double> same(5, 0.25);
  whiten(same);
  EXPECT_EQ(same, std::vector<double>(5, 0.25));
  std::vector<double> none;
  whiten(none);
}

TEST(Statistics, ExplainedVarianceMeansNothingWhereNothingVaries) {
  const std::vector<double> truth = {0, 1, 0, 1}, good = {0.1, 0.9, 0.1, 0.9}, flat(4, 0.5);
  EXPECT_NEAR(explained_variance(truth, truth), 1, 1e-12);
  EXPECT_NEAR(explained_variance(good, truth), 1 - 0.01 / 0.25, 1e-12);
  EXPECT_NEAR(explained_variance(flat, truth), 0, 1e-12);
  EXPECT_TRUE(std::isnan(explained_variance(truth, flat)));
}

TEST(Statistics, RanksAndQuantiles) {
  const std::vector<double> a = {1, 2, 3, 4}, rising = {10, 20, 30, 1000}, falling = {4, 3, 2, 1};
  EXPECT_NEAR(rank_correlation(a, rising), 1, 1e-12);
  EXPECT_NEAR(rank_correlation(a, falling), -1, 1e-12);
  const std::vector<double> ties = {1, 1, 2, 2};  // ranks 0.5 0.5 2.5 2.5
  EXPECT_NEAR(rank_correlation(a, ties), 4 / std::sqrt(5.0 * 4), 1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation(a, std::vector<double>(4, 7.0))));
  std::vector<double> hundred(100);
  std::iota(hundred.begin(), hundred.end(), 1.0);
  EXPECT_EQ(quantile(hundred, 0.95), 95);
  EXPECT_EQ(quantile(hundred, 1), 100);
  EXPECT_EQ(quantile(hundred, 0), 1);
  EXPECT_TRUE(std::isnan(mean({})));
}

}  // namespace
}  // namespace stapes::train
