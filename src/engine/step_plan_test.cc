#include "engine/step_plan.h"

#include <gtest/gtest.h>

#include <numeric>

namespace stapes {
namespace {

RowDemand prompt(int64_t rows) {
  return {.rows = rows};
}
RowDemand generating(int64_t guesses = 0) {
  return {.rows = 1, .extra_rows = guesses, .generating = true};
}
using Rows = std::vector<int64_t>;

Rows plan(const std::vector<RowDemand>& demands, size_t turn = 0, const StepLimits& limits = {}) {
  return plan_step(demands, limits, turn);
}

TEST(StepPlan, APromptAloneTakesTheWholeStep) {
  EXPECT_EQ(plan({prompt(1000)}), Rows{512});
  EXPECT_EQ(plan({prompt(100)}), Rows{100});
  EXPECT_TRUE(plan({}).empty());
}

TEST(StepPlan, WhoGeneratesNeverWaitsForAPrompt) {
  EXPECT_EQ(plan({prompt(5000), generating(), generating()}), (Rows{128, 1, 1}));
  // A step that is full of generating sequences has no place for a prompt.
  std::vector<RowDemand> many(512, generating());
  many.push_back(prompt(10));
  EXPECT_EQ(plan(many).back(), 0);
}

TEST(StepPlan, PromptsShareTheStep) {
  EXPECT_EQ(plan({prompt(5000), prompt(5000)}), (Rows{256, 256}));
  // What a short one leaves goes to the others.
  EXPECT_EQ(plan({prompt(5000), prompt(10)}), (Rows{502, 10}));
  EXPECT_EQ(plan({prompt(5000), generating(), prompt(5000)}), (Rows{64, 1, 64}));
}

TEST(StepPlan, ManyPromptsTakeTurns) {
  const std::vector<RowDemand> demands(40, prompt(5000));
  const Rows first = plan(demands);
  EXPECT_EQ(first[0], 16);
  EXPECT_EQ(first[31], 16);
  EXPECT_EQ(first[32], 0);
  Rows total(demands.size(), 0);
  for (size_t turn = 0; turn < demands.size(); ++turn) {
    const Rows rows = plan(demands, turn);
    EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), int64_t{0}), 512);
    for (size_t i = 0; i < rows.size(); ++i) total[i] += rows[i];
  }
  for (const int64_t rows : total) EXPECT_EQ(rows, 512);
}

TEST(StepPlan, GuessesComeAfterWhatMustBeDone) {
  EXPECT_EQ(plan({generating(16), generating(16)}), (Rows{17, 17}));
  EXPECT_EQ(plan({generating(3), generating(3)}, 0, {.rows = 4}), (Rows{3, 1}));
  EXPECT_EQ(plan({generating(3), generating(3)}, 1, {.rows = 4}), (Rows{1, 3}));
  const Rows rows = plan(std::vector<RowDemand>(10, generating(16)));
  EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), int64_t{0}), 10 + 64);
  // Forced tokens that do not fit leave no room for guesses.
  EXPECT_EQ(plan({{.rows = 6, .extra_rows = 2, .generating = true}}, 0, {.rows = 4}), Rows{4});
}

}  // namespace
}  // namespace stapes
