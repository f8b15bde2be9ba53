#include "eval/grounding_eval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "eval/grounding_conditions.h"
#include "eval/testing/random_model_test.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;

class GroundingEvalTest : public RandomModelTest {
 protected:
  static GroundingEvalOptions few() {
    GroundingEvalOptions options;
    options.tasks = {world::Task::kLoudness, world::Task::kCountNotes};
    options.examples_per_task = 3;
    options.max_tokens = 12;
    options.budgets = {4, 0, 4};
    return options;
  }
  static std::string refusal(const GroundingEvalOptions& options) {
    try {
      evaluate_grounding(*generator_, world::World({}), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(GroundingEvalTest, EveryConditionIsAskedOncePerExample) {
  GroundingEvalOptions options = few();
  options.details = folder_->path() / "details.jsonl";
  int64_t last_done = 0, last_total = 0;
  const GroundingEvalResult result =
      evaluate_grounding(*generator_, world::World({}), options, [&](int64_t done, int64_t total) {
        last_done = done;
        last_total = total;
      });
  EXPECT_EQ(last_done, 6);
  EXPECT_EQ(last_total, 6);
  ASSERT_EQ(result.tasks.size(), 2U);
  EXPECT_EQ(result.self_cognition_errors.total, 3);
  EXPECT_EQ(result.tasks[0].task, world::Task::kCountNotes) << "in the world's order";
  for (const TaskGrounding& task : result.tasks) {
    EXPECT_EQ(task.clip.total, 3);
    EXPECT_EQ(task.silence.total, 3);
    EXPECT_EQ(task.other_clip.total, 3);
    EXPECT_EQ(task.stays.total, 3);
    EXPECT_EQ(task.transcript.total, 3);
    EXPECT_EQ(task.funnel.replies(), 3);
    ASSERT_EQ(task.budgets.size(), 3U) << "0, 4 and no limit; twice the same counts once";
    EXPECT_EQ(task.budgets[0].budget, 0);
    EXPECT_EQ(task.budgets[1].budget, 4);
    EXPECT_FALSE(task.budgets[2].budget);
    EXPECT_LE(task.budgets[1].thinking_tokens, task.budgets[1].right.total * 8);
  }
  std::ifstream details(options.details);
  int lines = 0;
  std::map<std::string, int> conditions;
  for (std::string line; std::getline(details, line); ++lines) {
    const auto json = nlohmann::json::parse(line);
    ++conditions[json["condition"].get<std::string>()];
    EXPECT_EQ(json.contains("grounding"), json["condition"] == "clip");
  }
  EXPECT_EQ(conditions["clip"], 6);
  EXPECT_EQ(conditions["silence"], 6);
  EXPECT_EQ(conditions["other-clip"], 6);
  EXPECT_EQ(conditions["transcript"], 6);
  EXPECT_EQ(conditions["self-cognition"], 3);
  EXPECT_EQ(conditions["tampered"], 0) << "a random model's thoughts hold nothing to change";
}

TEST_F(GroundingEvalTest, TheSameTwice) {
  const world::World world({});
  EXPECT_EQ(to_json(evaluate_grounding(*generator_, world, few())),
            to_json(evaluate_grounding(*generator_, world, few())));
}

TEST_F(GroundingEvalTest, PartsAlone) {
  GroundingEvalOptions options = few();
  options.part = GroundingPart::kSelfCognition;
  options.examples_per_task = 5;
  int64_t last_done = 0, last_total = 0;
  const GroundingEvalResult hearing =
      evaluate_grounding(*generator_, world::World({}), options, [&](int64_t done, int64_t total) {
        last_done = done;
        last_total = total;
      });
  EXPECT_TRUE(hearing.tasks.empty());
  EXPECT_EQ(hearing.self_cognition_errors.total, 5);
  EXPECT_EQ(last_done, 5);
  EXPECT_EQ(last_total, 5);
  EXPECT_THAT(to_table(hearing), HasSubstr("5 questions, test split, seed 1, greedy"));
  const auto json = nlohmann::json::parse(to_json(hearing));
  EXPECT_FALSE(json.contains("tasks"));
  EXPECT_EQ(json.at("self_cognition_errors").at("total"), 5);

  options.part = GroundingPart::kTasks;
  const GroundingEvalResult tasks = evaluate_grounding(*generator_, world::World({}), options);
  EXPECT_EQ(tasks.tasks.size(), 2U);
  EXPECT_EQ(tasks.self_cognition_errors.total, 0);
  EXPECT_FALSE(nlohmann::json::parse(to_json(tasks)).contains("self_cognition_errors"));
}

TEST_F(GroundingEvalTest, RepliesWhetherItHearsCanBeSampled) {
  GroundingEvalOptions options = few();
  options.part = GroundingPart::kSelfCognition;
  options.details = folder_->path() / "sampled.jsonl";
  const auto replies_at = [&](double temperature, int batch_size) {
    options.self_cognition_temperature = temperature;
    options.batch_size = batch_size;
    evaluate_grounding(*generator_, world::World({}), options);
    return read_file(options.details);
  };
  const std::string greedy = replies_at(0, 16), sampled = replies_at(1, 16);
  EXPECT_NE(greedy, sampled);
  EXPECT_EQ(sampled, replies_at(1, 16));
  EXPECT_EQ(sampled, replies_at(1, 1)) << "whatever is answered together";
}

TEST_F(GroundingEvalTest, RefusesWhatCannotBe) {
  GroundingEvalOptions options = few();
  options.examples_per_task = 0;
  EXPECT_THAT(refusal(options), HasSubstr("at least 1 example per task, got 0"));
  options = few();
  options.budgets = {8, -1};
  EXPECT_THAT(refusal(options), HasSubstr("as a budget, got -1"));
  options = few();
  options.tasks = {world::Task::kSum};
  EXPECT_THAT(refusal(options), HasSubstr("the task sum needs recordings"));
  options = few();
  options.self_cognition_temperature = -1;
  EXPECT_THAT(refusal(options), HasSubstr("temperature from 0 to 10, got -1"));
  options = few();
  options.judge = reward::JudgeOptions{.url = "nonsense"};
  EXPECT_THAT(refusal(options), HasSubstr("URL"));
}

TEST_F(GroundingEvalTest, DetailsThatCannotBeWritten) {
  GroundingEvalOptions options = few();
  options.details = folder_->path() / "no" / "such" / "folder.jsonl";
  try {
    evaluate_grounding(*generator_, world::World({}), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr("cannot write the details"));
  }
}

GroundingExample example_of(world::Task task, int index) {
  GroundingEvalOptions options;
  options.examples_per_task = 10;
  return make_example(world::World({}), task, options, index);
}

TEST(GroundingConditions, OtherClipsHaveOtherAnswers) {
  for (int index = 0; index < 10; ++index) {
    const GroundingExample example = example_of(world::Task::kLoudness, index);
    EXPECT_NE(example.own.answer, example.other.answer);
  }
}

TEST(GroundingConditions, OnlyTheSoundDiffersBetweenTheConditions) {
  const GroundingExample example = example_of(world::Task::kCountNotes, 2);
  const auto asked = requests_for(example, 0, {.budgets = {5}});
  ASSERT_EQ(asked.size(), 5U);
  const auto question = [](const AskedReply& reply) {
    return reply.request.messages[0].parts.back().text;
  };
  EXPECT_EQ(question(asked[0]), example.own.question);
  EXPECT_EQ(question(asked[1]), example.own.question);
  EXPECT_EQ(question(asked[2]), example.own.question);
  EXPECT_EQ(asked[0].request.clips[0].samples, example.own.clip.audio.samples);
  EXPECT_EQ(asked[1].request.clips[0].samples, std::vector<float>(32000));
  EXPECT_EQ(asked[2].request.clips[0].samples, example.other.clip.audio.samples);
  EXPECT_TRUE(asked[3].request.clips.empty());
  EXPECT_THAT(question(asked[3]), HasSubstr("Notes: "));
  EXPECT_THAT(question(asked[3]), HasSubstr("\n" + example.own.question));
  EXPECT_EQ(asked[4].request.sampling.think_budget, 5);
  EXPECT_EQ(asked[4].request.clips[0].samples, example.own.clip.audio.samples);
}

TEST(GroundingConditions, TamperedThoughtsGoOnInsideOfTheThought) {
  GroundingExample example = example_of(world::Task::kLoudness, 0);
  example.tampered = TamperedThought{"First -12 dB. The loudness falls", "fall"};
  const AskedReply asked = tampered_request(example, 0, {});
  ASSERT_EQ(asked.request.messages.size(), 2U);
  EXPECT_EQ(asked.request.messages[1].role, "assistant");
  EXPECT_EQ(asked.request.messages[1].parts[0].text, "<think>\nFirst -12 dB. The loudness falls");
  EXPECT_TRUE(asked.request.continue_last_turn);
}

TEST(GroundingReportTable, NamesItsColumnsAndHasAllNumbers) {
  GroundingEvalResult result;
  result.options.examples_per_task = 10;
  TaskGrounding task;
  task.task = world::Task::kSum;
  task.clip = {.correct = 9, .total = 10};
  task.silence = {.correct = 3, .total = 10};
  task.budgets = {{.budget = 8, .right = {.correct = 5, .total = 10}, .thinking_tokens = 70},
                  {.budget = std::nullopt, .right = task.clip, .thinking_tokens = 250}};
  task.lengths = {{.shortest = 10, .longest = 30, .right = task.clip}};
  result.tasks = {task};
  result.self_cognition_errors = {.correct = 2, .total = 10};
  const std::string table = to_table(result);
  EXPECT_THAT(table, HasSubstr("sum              90.0 % [ 59.6,  98.2]    30.0 % [ 10.8,  60.3]"));
  EXPECT_THAT(table, HasSubstr("+60.0 [+17.1, +80.9]"));
  EXPECT_THAT(table, HasSubstr("no limit"));
  EXPECT_THAT(table, HasSubstr("it denies:  20.0 % [  5.7,  51.0]"));
  EXPECT_THAT(table, HasSubstr("10-30:  90.0 %"));
  EXPECT_EQ(table.find("judge"), std::string::npos);
  EXPECT_EQ(table.find(" \n"), std::string::npos) << "no spaces at the ends of lines";
  const auto json = nlohmann::json::parse(to_json(result));
  EXPECT_EQ(json["self_cognition_errors"]["correct"], 2);
  EXPECT_EQ(json["tasks"]["sum"]["budgets"][0]["mean_thinking_tokens"], 7.0);
  EXPECT_TRUE(json["tasks"]["sum"]["budgets"][1]["budget"].is_null());
}

}  // namespace
}  // namespace stapes
