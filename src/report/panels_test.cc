#include "report/panels.h"

#include <gmock/gmock.h>

namespace stapes::report {
namespace {

using ::testing::ElementsAre;

std::vector<ColumnId> columns(const std::string& log, std::initializer_list<const char*> names) {
  std::vector<ColumnId> ids;
  for (const char* name : names) ids.push_back({log, name});
  return ids;
}

std::vector<std::string> titles(const std::vector<PlotGroup>& groups) {
  std::vector<std::string> all;
  for (const PlotGroup& group : groups)
    for (const Plot& plot : group.plots) {
      std::string text = group.title + ": " + plot.title + " =";
      for (const PlotLine& line : plot.lines) text += " " + line.label + ";";
      all.push_back(text);
    }
  return all;
}

TEST(Arrange, TrainingAndHeldOutShareAPlot) {
  auto ids = columns("metrics", {"reward", "length_mean", "length_p95"});
  for (auto& id : columns("test", {"reward", "length_mean", "sampled/reward"})) ids.push_back(id);
  EXPECT_THAT(titles(arrange(ids)),
              ElementsAre("Reward: Reward = training; held out; held out, sampled;",
                          "Length: Length of a reply = mean; 95th percentile;",
                          "Length: Length of a reply, held out = mean;"));
}

TEST(Arrange, PartsOfARewardAreWhatStandsBetweenItsColumns) {
  EXPECT_THAT(
      titles(arrange(columns("metrics", {"reward", "reward_deviation", "accuracy", "my_bonus",
                                         "length_mean", "entropy"}))),
      ElementsAre("Reward: Reward = training;", "Reward: Accuracy = training;",
                  "Reward: My bonus = training;", "Reward: Spread of the reward = training;",
                  "Length: Length of a reply = mean;", "Policy: Entropy = training;"));
}

TEST(Arrange, RoundsAreHeldOutToo) {
  auto ids = columns("evaluation", {"accuracy", "true_claims", "false_claims", "claims"});
  ids.push_back({"evaluation-sft", "accuracy"});
  EXPECT_THAT(titles(arrange(ids)),
              ElementsAre("Accuracy: Accuracy = held out; held out, before reinforcement;",
                          "About the sound: Claims of the thoughts, held out = true; false;",
                          "About the sound: Claims of a thought = held out;"));
}

TEST(Arrange, EveryColumnStandsInExactlyOnePlot) {
  const auto ids = columns("train", {"", "x", "text_loss", "dpo_loss", "margin", "chosen_reward",
                                     "data_s", "clips_per_s", "_s", "learning_rate", "accuracy",
                                     "accuracy/sum", "length_", "x", "*", "mismatch_max"});
  std::vector<std::string> placed;
  for (const PlotGroup& group : arrange(ids))
    for (const Plot& plot : group.plots) {
      EXPECT_FALSE(group.title.empty());
      for (const PlotLine& line : plot.lines) placed.push_back(line.id.column);
    }
  std::vector<std::string> expected;
  for (const ColumnId& id : ids) expected.push_back(id.column);
  expected.erase(expected.begin() + 13);  // the second "x"
  EXPECT_THAT(placed, ::testing::UnorderedElementsAreArray(expected));
}

TEST(Arrange, GradientNormsAndMismatchAreLogarithmic) {
  for (const PlotGroup& group :
       arrange(columns("metrics", {"policy_gradient_norm", "mismatch_mean", "gradient_norm"})))
    for (const Plot& plot : group.plots) EXPECT_TRUE(plot.log_scale) << plot.title;
}

TEST(Headlines, HeldOutFirst) {
  const auto found = headlines(columns("test", {"reward", "accuracy"}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].id.column, "accuracy");
  EXPECT_TRUE(headlines({}).empty());
}

}  // namespace
}  // namespace stapes::report
