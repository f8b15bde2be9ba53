#include "eval/score.h"

#include <gtest/gtest.h>

#include <cmath>

namespace stapes {
namespace {

TEST(Score, IntervalsOfKnownCounts) {
  // Worked by hand: z² = 3.841459; n = 10, p = 0.5: centre 0.5, half
  // 1.959964 · sqrt(0.025 + 3.841459 / 400) / 1.3841459 = 0.263406.
  const Score half{.correct = 5, .total = 10};
  EXPECT_NEAR(half.low(), 0.236594, 1e-6);
  EXPECT_NEAR(half.high(), 0.763406, 1e-6);
  // p = 0: the upper bound is z² / (n + z²).
  const Score none{.correct = 0, .total = 10};
  EXPECT_EQ(none.low(), 0);
  EXPECT_NEAR(none.high(), 3.841459 / 13.841459, 1e-6);
  const Score all{.correct = 10, .total = 10};
  EXPECT_NEAR(all.low(), 10 / 13.841459, 1e-6);
  EXPECT_NEAR(all.high(), 1, 1e-12);
}

TEST(Score, IntervalEndsSolveTheScoreEquation) {
  // The slow obvious definition: the ends are where |p - x| = z · sqrt(x (1 - x) / n).
  for (const int64_t correct : {1, 17, 93, 199}) {
    const Score score{.correct = correct, .total = 200};
    for (const double x : {score.low(), score.high()})
      EXPECT_NEAR(std::abs(score.share() - x), 1.959964 * std::sqrt(x * (1 - x) / 200), 1e-6);
  }
}

TEST(Difference, IntervalsOfKnownCounts) {
  // Newcombe (1998), table II: 56/70 and 48/80 give 0.2000 [0.0524, 0.3339]; 9/10 and 3/10 give
  // 0.6 [0.1705, 0.8090]; 10/10 and 0/20 give 1 [0.6791, 1].
  const auto expect = [](Score a, Score b, double value, double low, double high) {
    const Difference d = difference(a, b);
    EXPECT_NEAR(d.value, value, 1e-9);
    EXPECT_NEAR(d.low, low, 5e-5);
    EXPECT_NEAR(d.high, high, 5e-5);
  };
  expect({.correct = 56, .total = 70}, {.correct = 48, .total = 80}, 0.2, 0.0524, 0.3339);
  expect({.correct = 9, .total = 10}, {.correct = 3, .total = 10}, 0.6, 0.1705, 0.8090);
  expect({.correct = 10, .total = 10}, {.correct = 0, .total = 20}, 1.0, 0.6791, 1.0);
  EXPECT_EQ(difference({}, {.correct = 1, .total = 2}).low, -1);
}

TEST(Score, NothingAskedNothingKnown) {
  const Score score;
  EXPECT_EQ(score.share(), 0);
  EXPECT_EQ(score.low(), 0);
  EXPECT_EQ(score.high(), 1);
}

}  // namespace
}  // namespace stapes
