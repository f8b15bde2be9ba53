// Prompts, their grading against replies that try to cheat, and their selection.
#include "train/rl/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/audio_file.h"
#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"
#include "text/think_splitter.h"
#include "train/rl/reward.h"
#include "train/rl/selection.h"
#include "world/text_twins.h"

namespace stapes::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Tokenizer& tokenizer() {
  static const Tokenizer shared = Tokenizer::parse(testing::tiny_tokenizer_json(), "test");
  return shared;
}

class JsonlPromptsTest : public ::testing::Test {
 protected:
  std::unique_ptr<PromptSource> open(const std::string& lines, int64_t most_tokens = 200) const {
    write_file_atomically(folder_.path() / "p.jsonl", lines);
    return jsonl_prompts(folder_.path() / "p.jsonl", tokenizer(), most_tokens);
  }
  std::string refusal(const std::string& lines, int64_t most_tokens = 200) const {
    try {
      open(lines, most_tokens);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  testing::TemporaryFolder folder_;
};

TEST_F(JsonlPromptsTest, ColumnsReachTheGraderAndTheReplyIsNotShown) {
  AudioClip clip;
  clip.samples.assign(8000, 0.1F);
  write_wav_file(folder_.path() / "a.wav", clip);
  const auto source = open(
      R"({"messages":[{"role":"user","content":"<audio>How many?"},{"role":"assistant","content":"3"}],"audios":["a.wav"],"solution":3,"data_source":"counting","level":"easy"})");
  EXPECT_EQ(source->count(), 1U);
  EXPECT_THAT(source->tasks(), ElementsAre("counting"));
  const RolloutPrompt prompt = source->get(Phase::kTraining, 0);
  EXPECT_EQ(prompt.id, "p.jsonl:1");
  EXPECT_EQ(prompt.task, "counting");
  EXPECT_EQ(prompt.expected.text, "3");
  EXPECT_EQ(prompt.expected.kind, reward::AnswerKind::kNormalized);
  EXPECT_EQ(prompt.columns.at("level"), "easy");
  ASSERT_EQ(prompt.messages.size(), 1U);
  EXPECT_EQ(prompt.messages[0].role, "user");
  ASSERT_EQ(prompt.clips.size(), 1U);
  EXPECT_EQ(prompt.clips[0].samples.size(), 8000U);
  EXPECT_FALSE(prompt.truth);
}

TEST_F(JsonlPromptsTest, SaysWhichLineIsWrong) {
  const std::string good = R"({"messages":[{"role":"user","content":"q"}],"answer":"a"})";
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_THAT(refusal(good + "\n" + R"({"messages":[{"role":"user","content":"q"}]})"),
              AllOf(HasSubstr("p.jsonl:2"), HasSubstr("`answer` or `solution`")));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"assistant","content":"q"}],"answer":"a"})"),
              HasSubstr("must be the user's"));
  const std::string kind = R"({"messages":[{"role":"user","content":"q"}],"answer":"a",)";
  EXPECT_THAT(refusal(kind + R"("answer_kind":"vibes"})"),
              AllOf(HasSubstr("p.jsonl:1"), HasSubstr("vibes")));
  EXPECT_THAT(refusal(kind + R"("choices":"a or b"})"), HasSubstr("a list of strings"));
  EXPECT_EQ(refusal(kind + R"("choices":["a","b"]})"), "accepted");
  EXPECT_THAT(refusal(good, 3), HasSubstr("all prompts have more than 3 tokens"));
}

TEST_F(JsonlPromptsTest, LeavesOutWhatIsTooLong) {
  const std::string good = R"({"messages":[{"role":"user","content":"q"}],"answer":"a"})";
  const std::string longer =
      R"({"messages":[{"role":"user","content":")" + std::string(500, 'x') + R"("}],"answer":"a"})";
  EXPECT_EQ(open(good + "\n" + longer + "\n" + good, 100)->count(), 2U);
}

TEST(WorldPrompts, TakeTurnsAndKeepTheTruth) {
  const auto source = world_prompts({.tasks = {"count-notes", "loudness"}, .seed = 5});
  EXPECT_THAT(source->tasks(), ElementsAre("count-notes", "loudness"));
  EXPECT_EQ(source->count(), 0U);
  const RolloutPrompt first = source->get(Phase::kTraining, 4);
  EXPECT_EQ(first.id, "count-notes/2");
  ASSERT_TRUE(first.truth);
  EXPECT_EQ(first.expected.text, std::to_string(first.truth->events.size()));
  EXPECT_EQ(source->get(Phase::kTraining, 5).task, "loudness");
  EXPECT_NE(source->get(Phase::kEvaluation, 4).clips[0].samples, first.clips[0].samples);
  EXPECT_EQ(source->get(Phase::kTraining, 4).clips[0].samples, first.clips[0].samples);
  EXPECT_THROW(world_prompts({.tasks = {"sum"}}), Error);
}

TEST(WorldPrompts, ClipsAndTextsTakeTurns) {
  const auto source = world_prompts({.tasks = {"count-beats", "text-sum"}, .seed = 5});
  EXPECT_THAT(source->tasks(), ElementsAre("count-beats", "text-sum"));
  const RolloutPrompt beats = source->get(Phase::kTraining, 6);
  EXPECT_EQ(beats.id, "count-beats/3");
  EXPECT_TRUE(beats.has_audio());
  EXPECT_EQ(beats.expected.text, std::to_string(beats.truth->events.size()));
  const RolloutPrompt sum = source->get(Phase::kTraining, 7);
  EXPECT_EQ(sum.id, "text-sum/3");
  EXPECT_FALSE(sum.has_audio());
  EXPECT_FALSE(sum.truth);
  EXPECT_EQ(sum.expected.kind, reward::AnswerKind::kNumber);
  EXPECT_EQ(sum.messages.size(), 1U);
  EXPECT_EQ(world_prompts({.seed = 5})->tasks().size(), 4U) << "of the first nine";
}

TEST(TextPrompts, AreGradedAsTheirKindSays) {
  const auto source = text_prompts({.seed = 5});
  EXPECT_EQ(source->tasks(), world::text_tasks());
  EXPECT_EQ(source->count(), 0U);
  for (uint64_t i = 0; i < 160; ++i) {
    const RolloutPrompt prompt = source->get(Phase::kTraining, i);
    const world::TextExample example = world::text_example(world::Split::kTrain, 5, i);
    EXPECT_EQ(prompt.task, example.task);
    EXPECT_EQ(prompt.messages[0].parts[0].text, example.question);
    EXPECT_EQ(prompt.columns["answer_kind"], example.answer_kind);
    EXPECT_EQ(prompt.columns.contains("choices"), !example.choices.empty());
    EXPECT_TRUE(
        reward::grade_answer({example.thinking, example.answer, true}, prompt.expected).right());
    EXPECT_NE(source->get(Phase::kEvaluation, i).messages[0].parts[0].text, example.question);
  }
  EXPECT_THROW(text_prompts({.tasks = {"sum"}}), Error);
}

class TaskRewardTest : public ::testing::Test {
 protected:
  TaskRewardTest() {
    sound_.expected.text = text_.expected.text = "7";
    sound_.clips.resize(1);
  }
  // What the model wrote after the prompt's "<think>\n".
  Reward grade(const std::string& text, bool sound = true,
               StopReason stop = StopReason::kStop) const {
    const ThinkingAndAnswer parts = split_thinking(text, /*thinking_open=*/true);
    const Completion completion{.prompt = sound ? &sound_ : &text_,
                                .ids = {},
                                .text = text,
                                .thinking = parts.thinking,
                                .answer = parts.answer,
                                .thought_closed = parts.closed,
                                .stop = stop};
    return task_reward({}, tokenizer())->grade({&completion, 1}).front();
  }
  RolloutPrompt sound_, text_;
};

const std::string kThought = "First I hear 3, second 4. 3 + 4 = 7.";

TEST_F(TaskRewardTest, ThePapersWeights) {
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n7").total.value(), 1.0);
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n8").total.value(), 0.2);
  EXPECT_DOUBLE_EQ(grade("\n</think>\n7").total.value(), 0.8);
  EXPECT_DOUBLE_EQ(grade("\n</think>\n8").total.value(), 0.0);
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n7", /*sound=*/false).total.value(), 1.0);
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n8", /*sound=*/false).total.value(), 0.0);
  const Reward right = grade(kThought + "\n</think>\n7.");
  EXPECT_EQ(right.parts, (std::map<std::string, double>{{"accuracy", 1}, {"reasoning", 1}}));
}

TEST_F(TaskRewardTest, RepliesThatTryToCheat) {
  EXPECT_DOUBLE_EQ(grade("").total.value(), 0);
  EXPECT_DOUBLE_EQ(grade(kThought).total.value(), 0) << "never closed: there is no answer";
  EXPECT_DOUBLE_EQ(grade(kThought + " The answer is 7").total.value(), 0);
  EXPECT_DOUBLE_EQ(grade("x\n</think>\n7").total.value(), 0.8) << "a thought of one token";
  EXPECT_DOUBLE_EQ(grade("3 3 3 3 3 3 3 3 3 3 3 3\n</think>\n7").total.value(), 0.8) << "one word";
  EXPECT_DOUBLE_EQ(grade("              \n</think>\n7").total.value(), 0.8) << "white space";
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n1 2 3 4 5 6 7 8 9").total.value(), 0.2)
      << "all answers";
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n77").total.value(), 0.2);
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n7 or 8").total.value(), 0.2);
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n").total.value(), 0.2) << "an empty answer";
  EXPECT_DOUBLE_EQ(grade("7 7 7 7 7\n</think>\n7").total.value(), 0.8) << "the answer again";
  EXPECT_DOUBLE_EQ(grade("7</think>8").total.value(), 0) << "the answer in the thought";
  EXPECT_DOUBLE_EQ(grade(kThought + "\n</think>\n8\n</think>\n7").total.value(), 0.2)
      << "two answers";
}

TEST_F(TaskRewardTest, WhatCannotBeReadHasNoReward) {
  sound_.expected = {.kind = reward::AnswerKind::kNumber, .text = "a dog"};
  EXPECT_FALSE(grade(kThought + "\n</think>\n7").total);
  sound_.expected = {.kind = reward::AnswerKind::kNumber, .text = "7"};
  EXPECT_EQ(grade(kThought + "\n</think>\nThe answer is 7.0").total, 1.0);
}

TEST_F(TaskRewardTest, ACutReplyIsWrong) {
  EXPECT_DOUBLE_EQ(grade("\n</think>\n7", true, StopReason::kLength).total.value(), 0);
  EXPECT_DOUBLE_EQ(grade("\n</think>\n7", false, StopReason::kLength).total.value(), 0);
}

TEST(Selection, KeepsTheMiddleAndCountsAll) {
  const std::vector<int> right = {8, 0, 3, 6, 7, 5, 0, 2};
  const Selection middle = select_by_passes(right, {.samples = 8, .lowest = 3, .highest = 6});
  EXPECT_THAT(middle.kept, ElementsAre(2U, 3U, 5U));
  EXPECT_THAT(middle.histogram, ElementsAre(2, 0, 1, 1, 0, 1, 1, 1, 1));
  EXPECT_EQ(middle.prompts, 8);
  EXPECT_THAT(to_line(middle), HasSubstr("3 to 6 kept: 3"));
  const Selection failed = select_by_passes(right, {.samples = 8, .lowest = 0, .highest = 0});
  EXPECT_THAT(failed.kept, ElementsAre(1U, 6U));
  const Selection again = selection_of(to_json(middle));
  EXPECT_EQ(again.kept, middle.kept);
  EXPECT_EQ(again.histogram, middle.histogram);
  EXPECT_EQ(again.range.highest, 6);
}

}  // namespace
}  // namespace stapes::train
