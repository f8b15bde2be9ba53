// Each loss: its gradient against central differences in double, closed-form values, both branches
// of every clip.
#include "train/nn/rl_losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/rl/advantages.h"
#include "train/testing/gradients.h"

namespace stapes::train {
namespace {

using testing::doubles;
using testing::expect_right_gradient;
using torch::Tensor;

// Ratios below, inside and above the clip, with advantages of both signs: none at a kink.
const std::vector<double> kOld = {-1.0, -1.0, -1.0, -2.0, -2.0, -2.0};
const std::vector<double> kNew = {-1.4, -1.05, -0.6, -2.4, -1.95, -1.6};
const std::vector<double> kAdvantages = {1.5, 1.5, 1.5, -0.7, -0.7, -0.7};

TEST(PolicyLoss, GradientIsRightOnBothSidesOfTheClip) {
  expect_right_gradient(doubles(kNew), [](const Tensor& log_probs) {
    return clipped_policy_loss(log_probs, doubles(kOld), doubles(kAdvantages), 0.2, 6);
  });
}

TEST(PolicyLoss, ClipsWhatWouldGainAndNothingElse) {
  Tensor log_probs = doubles(kNew).set_requires_grad(true);
  const Tensor loss = clipped_policy_loss(log_probs, doubles(kOld), doubles(kAdvantages), 0.2, 6);
  loss.backward();
  // A > 0: the ratio e^0.4 is held at 1.2. A < 0: e^-0.4 is held at 0.8. The others are free.
  const double expected = -(1.5 * std::exp(-0.4) + 1.5 * std::exp(-0.05) + 1.5 * 1.2 - 0.7 * 0.8 -
                            0.7 * std::exp(0.05) - 0.7 * std::exp(0.4)) /
                          6;
  EXPECT_NEAR(loss.item<double>(), expected, 1e-12);
  EXPECT_EQ(log_probs.grad()[2].item<double>(), 0);
  EXPECT_EQ(log_probs.grad()[3].item<double>(), 0);
  for (const int64_t free : {0, 1, 4, 5}) EXPECT_NE(log_probs.grad()[free].item<double>(), 0);
  const Tensor clipped =
      is_clipped(importance_ratio(log_probs.detach(), doubles(kOld)), doubles(kAdvantages), 0.2);
  EXPECT_EQ(clipped.sum().item<int64_t>(), 2);
  EXPECT_TRUE(clipped[2].item<bool>() && clipped[3].item<bool>());
}

TEST(PolicyLoss, TheRatioOfEqualProbabilitiesIsExactlyOne) {
  const Tensor log_probs = torch::tensor({-0.1f, -3.3f, -17.0f});
  EXPECT_TRUE(torch::equal(importance_ratio(log_probs, log_probs), torch::ones(3)));
}

TEST(PolicyLoss, FarProbabilitiesStayFinite) {
  const Tensor ratio = importance_ratio(doubles({-1, -200}), doubles({-200, -1}));
  EXPECT_DOUBLE_EQ(ratio[0].item<double>(), std::exp(20.0));
  EXPECT_DOUBLE_EQ(ratio[1].item<double>(), std::exp(-20.0));
}

// Through the softmax, with the advantages of the group estimators.
TEST(PolicyLoss, GradientIsRightForGroupAdvantages) {
  torch::manual_seed(4);
  const Tensor logits = torch::randn({6, 5}, torch::kFloat64);
  const Tensor targets = torch::tensor({0, 4, 2, 2, 1, 3}, torch::kInt64).unsqueeze(1);
  const Tensor old =
      torch::log_softmax(logits + 0.05 * torch::randn_like(logits), 1).gather(1, targets);
  const std::vector<double> rewards = {1, 0, 0, 0.2, 1, 0.8};
  const std::vector<size_t> groups = {0, 0, 0, 1, 1, 1};
  for (const auto& advantages : {grpo(rewards, groups), rloo(rewards, groups)}) {
    const Tensor weights = doubles(advantages);
    expect_right_gradient(logits, [&](const Tensor& x) {
      const Tensor log_probs = torch::log_softmax(x, 1).gather(1, targets).squeeze(1);
      return clipped_policy_loss(log_probs, old.squeeze(1), weights, 0.2, 6);
    });
  }
}

TEST(ValueLoss, GradientIsRightWithAndWithoutClip) {
  const Tensor old = doubles({0.1, 0.1, 0.9, 0.5});
  const Tensor returns = doubles({1.0, 0.0, 0.2, 0.5});
  for (const double clip : {0.0, 0.2})
    expect_right_gradient(doubles({0.7, 0.6, 0.3, 0.55}), [&](const Tensor& values) {
      return value_loss(values, old, returns, clip, 4);
    });
}

TEST(ValueLoss, TakesTheLargerOfFreeAndHeld) {
  const Tensor one = doubles({0.7}), old = doubles({0.1}), target = doubles({1.0});
  EXPECT_NEAR(value_loss(one, old, target, 0, 1).item<double>(), 0.5 * 0.09, 1e-12);
  EXPECT_NEAR(value_loss(one, old, target, 0.2, 1).item<double>(), 0.5 * 0.49, 1e-12);  // at 0.3
  const Tensor away = doubles({-0.5});  // further off than where it is held, -0.1
  EXPECT_NEAR(value_loss(away, old, target, 0.2, 1).item<double>(), 0.5 * 2.25, 1e-12);
}

TEST(Kl, EstimatesOfACoin) {
  // p = (0.8, 0.2), q = (0.5, 0.5): the expectation of both estimates is the divergence itself.
  const Tensor p = doubles({std::log(0.8), std::log(0.2)}),
               q = doubles({std::log(0.5), std::log(0.5)});
  const double truth = 0.8 * std::log(1.6) + 0.2 * std::log(0.4);
  EXPECT_NEAR((p.exp() * kl_k1(p, q)).sum().item<double>(), truth, 1e-12);
  EXPECT_NEAR((p.exp() * kl_k3(p, q)).sum().item<double>(), truth, 1e-12);
  EXPECT_LT(kl_k1(p, q)[1].item<double>(), 0);  // a single k1 may be negative, a k3 may not
  EXPECT_GT(kl_k3(p, q)[1].item<double>(), 0);
  EXPECT_EQ(kl_k3(p, p).abs().sum().item<double>(), 0);
  expect_right_gradient(p, [&](const Tensor& x) { return kl_k3(x, q).sum(); });
}

}  // namespace
}  // namespace stapes::train
