#include "eval/world_eval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "eval/testing/random_model_test.h"
#include "stapes/error.h"
#include "world/test_support.h"

namespace stapes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

WorldEvalResult known_result() {
  WorldEvalResult result;
  result.options.examples_per_task = 10;
  TaskScore sum;
  sum.task = "sum";
  sum.with_thinking = {.correct = 10, .total = 10};
  sum.without_thinking = {.correct = 5, .total = 10};
  sum.thought_claims = {.correct = 0, .total = 10};
  TaskScore highest = sum;
  highest.task = "highest-note";
  result.tasks = {sum, highest};
  return result;
}

TEST(WorldEvalReport, TableColumnsAreAligned) {
  EXPECT_EQ(
      to_table(known_result()),
      "task            with thinking             --think 0                 thought's claims "
      "correct\n"
      "sum             100.0 % [ 72.2, 100.0]     50.0 % [ 23.7,  76.3]      0.0 % [  0.0,  27.8]\n"
      "highest-note    100.0 % [ 72.2, 100.0]     50.0 % [ 23.7,  76.3]      0.0 % [  0.0,  27.8]\n"
      "10 examples per task, test split, seed 1, greedy; 95 % Wilson intervals\n");
}

TEST(WorldEvalReport, JsonHasTheSameNumbers) {
  const testing::TemporaryFolder folder;
  write_json(known_result(), folder.path() / "scores.json");
  const auto json = nlohmann::json::parse(read_file(folder.path() / "scores.json"));
  EXPECT_EQ(json["examples_per_task"], 10);
  EXPECT_EQ(json["tasks"]["sum"]["without_thinking"]["correct"], 5);
  EXPECT_EQ(json["tasks"]["sum"]["with_thinking"]["share"], 1.0);
  EXPECT_EQ(json["tasks"]["highest-note"]["thought_claims"]["correct"], 0);
}

class WorldEvalTest : public RandomModelTest {
 protected:
  static WorldEvalOptions few() {
    WorldEvalOptions options;
    options.tasks = {world::Task::kLoudness, world::Task::kCountNotes};
    options.examples_per_task = 3;
    options.max_tokens = 8;
    options.batch_size = 4;
    return options;
  }
  static std::string refusal(const WorldEvalOptions& options) {
    try {
      evaluate_world(*generator_, world::World({}), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(WorldEvalTest, AsksEveryExampleBothWays) {
  std::vector<std::pair<int64_t, int64_t>> progress;
  const WorldEvalResult result =
      evaluate_world(*generator_, world::World({}), few(),
                     [&](int64_t done, int64_t total) { progress.emplace_back(done, total); });
  EXPECT_THAT(progress, ElementsAre(Pair(4, 12), Pair(6, 12), Pair(10, 12), Pair(12, 12)));
  ASSERT_EQ(result.tasks.size(), 2U);
  EXPECT_EQ(result.tasks[0].task, "count-notes");  // in the world's order
  for (const TaskScore& score : result.tasks) {
    EXPECT_EQ(score.with_thinking.total, 3);
    EXPECT_EQ(score.without_thinking.total, 3);
    EXPECT_EQ(score.thought_claims.total, 3);
    EXPECT_EQ(score.with_thinking.correct, 0);  // 8 random tokens
  }
}

TEST_F(WorldEvalTest, TextsAndBudgetsWhereTheyAreWanted) {
  WorldEvalOptions options = few();
  options.tasks = {world::Task::kCountBeats};
  options.text_tasks = {"text-sum", "compare"};
  options.budgets = {4, 0, 2};
  std::vector<std::pair<int64_t, int64_t>> progress;
  const WorldEvalResult result =
      evaluate_world(*generator_, world::World({}), options,
                     [&](int64_t done, int64_t total) { progress.emplace_back(done, total); });
  // The whole thought, an empty one (which is the budget of 0, too), 2 and 4 tokens.
  EXPECT_EQ(progress.back(), std::pair(int64_t{36}, int64_t{36}));
  ASSERT_EQ(result.tasks.size(), 3U);
  EXPECT_EQ(result.tasks[0].task, "count-beats");
  EXPECT_EQ(result.tasks[2].task, "compare");
  for (const TaskScore& score : result.tasks) {
    EXPECT_EQ(score.with_thinking.total, 3);
    ASSERT_EQ(score.budgets.size(), 4U);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(score.budgets[i].right.total, 3);
    EXPECT_EQ(score.budgets[0].budget, 0);
    EXPECT_EQ(score.budgets[0].thinking_tokens, 0);
    EXPECT_EQ(score.budgets[1].budget, 2);
    // Of three replies; closing the thought takes some as well.
    EXPECT_GE(score.budgets[1].thinking_tokens, 3 * 2);
    EXPECT_GT(score.budgets[2].thinking_tokens, score.budgets[1].thinking_tokens);
    EXPECT_FALSE(score.budgets[3].budget);
  }
  const std::string table = to_table(result);
  EXPECT_THAT(table, HasSubstr("Right answers over the budget of thinking (tokens)"));
  const auto json = nlohmann::json::parse(to_json(result));
  EXPECT_EQ(json["tasks"]["text-sum"]["budgets"].size(), 4U);
  EXPECT_DOUBLE_EQ(json["tasks"]["text-sum"]["budgets"][2]["mean_thinking_tokens"],
                   static_cast<double>(result.tasks[1].budgets[2].thinking_tokens) / 3);

  // Text tasks alone need no clips; --text is all of them beside the clips.
  options.tasks = {};
  options.budgets = {};
  options.examples_per_task = 1;
  EXPECT_EQ(evaluate_world(*generator_, world::World({}), options).tasks.size(), 2U);
  options.text_tasks = {};
  options.text = true;
  EXPECT_EQ(evaluate_world(*generator_, world::World({}), options).tasks.size(), 4U + 16U);
}

TEST_F(WorldEvalTest, ConflictsAreReportedApart) {
  const world::test::TemporaryFolder folder;
  world::test::write_tone_digits(folder.path());
  WorldEvalOptions options = few();
  options.tasks = {world::Task::kConflict};
  options.examples_per_task = 12;
  options.max_tokens = 1;
  const auto tasks =
      evaluate_world(*generator_, world::World({.digits_folder = folder.path()}), options).tasks;
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[0].task, "conflict");
  EXPECT_EQ(tasks[1].task, "conflict/agree");
  EXPECT_EQ(tasks[2].task, "conflict/against");
  EXPECT_EQ(tasks[0].with_thinking.total, 12);
  EXPECT_EQ(tasks[1].with_thinking.total + tasks[2].with_thinking.total, 12);
  EXPECT_GT(tasks[1].with_thinking.total, 0);
  EXPECT_GT(tasks[2].with_thinking.total, 0);
}

TEST_F(WorldEvalTest, WithoutRecordingsOnlyMusicIsAsked) {
  WorldEvalOptions options = few();
  options.tasks = {};
  options.examples_per_task = 1;
  options.max_tokens = 1;
  for (const TaskScore& score : evaluate_world(*generator_, world::World({}), options).tasks)
    EXPECT_FALSE(world::is_speech_task(world::task_by_name(score.task)));
  options.tasks = {world::Task::kSum};
  EXPECT_THAT(refusal(options), HasSubstr("the task sum needs recordings"));
}

TEST_F(WorldEvalTest, SpeechTasksAskAboutRecordings) {
  const char* named = std::getenv("STAPES_SHARED_AUDIO");
  const std::filesystem::path folder =
      named != nullptr ? named : STAPES_SOURCE_DIR "/../shared/audio";
  world::WorldOptions world_options;
  world_options.digits_folder = folder / "spoken-digits";
  if (!std::filesystem::is_directory(world_options.digits_folder))
    GTEST_SKIP() << "SKIPPED: no recordings at " << world_options.digits_folder
                 << "; set STAPES_SHARED_AUDIO";
  WorldEvalOptions options = few();
  options.tasks = {};
  options.examples_per_task = 1;
  options.max_tokens = 2;
  EXPECT_EQ(evaluate_world(*generator_, world::World(world_options), options).tasks.size(), 9U);
}

TEST_F(WorldEvalTest, SenselessNumbersAreRefused) {
  const auto refused = [](auto change) {
    WorldEvalOptions options = few();
    change(options);
    return refusal(options);
  };
  EXPECT_THAT(refused([](auto& o) { o.examples_per_task = 0; }), HasSubstr("1 example"));
  EXPECT_THAT(refused([](auto& o) { o.batch_size = 0; }), HasSubstr("1 request"));
  EXPECT_THAT(refused([](auto& o) { o.max_tokens = 0; }), HasSubstr("1 generated token"));
  EXPECT_THAT(refused([](auto& o) { o.budgets = {8, -1}; }), HasSubstr("got -1"));
  EXPECT_THAT(refused([](auto& o) { o.text_tasks = {"sum"}; }), HasSubstr("a text task"));
}

}  // namespace
}  // namespace stapes
