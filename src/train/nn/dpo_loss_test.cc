// The loss over pairs: its gradient against central differences in double, and closed-form values.
#include "train/nn/dpo_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "train/testing/gradients.h"

namespace stapes::train {
namespace {

using testing::doubles;
using testing::expect_right_gradient;
using torch::Tensor;

PairLogProbs example() {
  return {.chosen = doubles({-12.0, -3.5, -40.0}),
          .rejected = doubles({-15.0, -2.5, -40.0}),
          .reference_chosen = doubles({-13.0, -3.0, -39.0}),
          .reference_rejected = doubles({-14.0, -4.0, -41.0})};
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

TEST(DpoLoss, ClosedFormValues) {
  const DpoTerms terms = dpo_terms(example(), 0.5, 0);
  // Rewards 0.5 (1, -0.5, -1) and 0.5 (-1, 1.5, 1).
  const std::vector<double> margins = {1, -1, -1};
  EXPECT_TRUE(torch::equal(terms.chosen_reward, doubles({0.5, -0.25, -0.5})));
  EXPECT_TRUE(torch::equal(terms.rejected_reward, doubles({-0.5, 0.75, 0.5})));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(terms.margin[i].item<double>(), margins[static_cast<size_t>(i)]);
    EXPECT_NEAR(terms.loss[i].item<double>(), -std::log(sigmoid(margins[static_cast<size_t>(i)])),
                1e-14);
  }
  const DpoTerms smooth = dpo_terms(example(), 0.5, 0.2);
  EXPECT_NEAR(smooth.loss[0].item<double>(),
              -0.8 * std::log(sigmoid(1)) - 0.2 * std::log(sigmoid(-1)), 1e-14);
}

TEST(DpoLoss, ExactlyLn2WherePolicyIsTheReference) {
  PairLogProbs same = example();
  same.reference_chosen = same.chosen;
  same.reference_rejected = same.rejected;
  for (const double smoothing : {0.0, 0.1}) {
    const DpoTerms terms = dpo_terms(same, 0.1, smoothing);
    EXPECT_TRUE(torch::equal(terms.margin, torch::zeros({3}, torch::kFloat64)));
    for (int64_t i = 0; i < 3; ++i)
      EXPECT_DOUBLE_EQ(terms.loss[i].item<double>(), std::numbers::ln2);
  }
}

TEST(DpoLoss, FarMarginsStayFinite) {
  PairLogProbs far = example();
  far.chosen = doubles({-1e6, 0, -40});
  far.rejected = doubles({0, -1e6, -40});
  const DpoTerms terms = dpo_terms(far, 1, 0);
  EXPECT_NEAR(terms.loss[0].item<double>(), 1e6 + 1, 1);
  EXPECT_NEAR(terms.loss[1].item<double>(), 0, 1e-12);
}

// Through the softmax and the sums over the tokens of each reply.
TEST(DpoLoss, GradientIsRight) {
  torch::manual_seed(3);
  const Tensor logits = torch::randn({9, 5}, torch::kFloat64);
  const Tensor targets = torch::tensor({0, 4, 2, 2, 1, 3, 0, 1, 4}, torch::kInt64).unsqueeze(1);
  const Tensor replies = torch::tensor({0, 0, 0, 1, 1, 2, 2, 3, 3}, torch::kInt64);
  const Tensor counted = torch::tensor({1, 1, 1, 0, 1, 1, 1, 1, 1}, torch::kBool);
  const auto log_probs_of = [&](const Tensor& x) {
    const Tensor of_tokens = torch::log_softmax(x, 1).gather(1, targets).squeeze(1);
    return sum_by_reply(of_tokens, replies, counted, 4).view({2, 2});
  };
  const Tensor reference = log_probs_of(logits + 0.3 * torch::randn_like(logits));
  for (const double smoothing : {0.0, 0.15})
    expect_right_gradient(logits, [&](const Tensor& x) {
      const Tensor both = log_probs_of(x);
      return dpo_terms({.chosen = both.select(1, 0),
                        .rejected = both.select(1, 1),
                        .reference_chosen = reference.select(1, 0),
                        .reference_rejected = reference.select(1, 1)},
                       0.7, smoothing)
          .loss.mean();
    });
}

TEST(SumByReply, CountsWhatCountsInDouble) {
  const Tensor log_probs = torch::tensor({-1.0F, -2.0F, -4.0F, -8.0F});
  const Tensor sums = sum_by_reply(log_probs, torch::tensor({1, 0, 1, 1}, torch::kInt64),
                                   torch::tensor({1, 1, 0, 1}, torch::kBool), 3);
  EXPECT_TRUE(torch::equal(sums, doubles({-2, -9, 0})));
}

}  // namespace
}  // namespace stapes::train
