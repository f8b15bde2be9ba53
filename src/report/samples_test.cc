#include "report/samples.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "report/testing/temporary_run.h"
#include "stapes/error.h"

namespace stapes::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SamplesTest : public testing::TemporaryRun {
 protected:
  Samples read(const std::string& text, size_t most = 100) const {
    return read_samples(write("completions.jsonl", text), most);
  }
};

TEST_F(SamplesTest, ThoughtAndAnswerAreSplitAsEverywhere) {
  const Samples samples = read(
      R"({"step":4,"id":"sum/1","task":"sum","prompt":"<audio>Sum?","text":"3 and 4.\n</think>\n7",)"
      R"("tokens":9,"stop":"stop","answer":"7","reward":0.8,"parts":{"accuracy":1.0},"ids":[1]})"
      "\n");
  ASSERT_EQ(samples.chosen.size(), 1u);
  const Sample& sample = samples.chosen.front();
  EXPECT_EQ(sample.thinking, "3 and 4.");
  EXPECT_EQ(sample.answer, "7");
  EXPECT_TRUE(sample.thought_closed);
  EXPECT_EQ(sample.expected, "7");
  EXPECT_EQ(sample.reward, 0.8);
  EXPECT_EQ(sample.parts.at("accuracy"), 1);
  EXPECT_THAT(samples.complaints, IsEmpty());
}

TEST_F(SamplesTest, WhatIsMissingOrOfAnotherKindIsEmpty) {
  const Samples samples =
      read(R"({"step":1,"text":7,"reward":null,"parts":[1],"task":{"a":1},"answer":3,"tokens":"x"})"
           "\n");
  ASSERT_EQ(samples.chosen.size(), 1u);
  EXPECT_FALSE(samples.chosen[0].reward.has_value());
  EXPECT_EQ(samples.chosen[0].thinking, "7");
  EXPECT_EQ(samples.chosen[0].task, "");
  EXPECT_EQ(samples.chosen[0].expected, "3");
  EXPECT_EQ(samples.chosen[0].tokens, 0);
}

TEST_F(SamplesTest, ACutLastLineAndOtherLinesAreSaid) {
  const Samples samples = read("{\"step\":1}\nnot JSON\n[]\n{\"step\":\"1\"}\n\n{\"step\":2,\"te");
  EXPECT_EQ(samples.in_file, 1);
  EXPECT_THAT(samples.complaints,
              ElementsAre("the last line is cut and left out", "3 lines are no replies"));
}

TEST_F(SamplesTest, ChoosesAsManyOfEachStep) {
  std::string text;
  for (int step = 1; step <= 10; ++step)
    for (int i = 0; i < 20; ++i) text += fmt::format("{{\"step\":{},\"id\":\"{}\"}}\n", step, i);
  const Samples samples = read(text, 30);
  EXPECT_EQ(samples.in_file, 200);
  std::map<int64_t, std::vector<std::string>> by_step;
  for (const Sample& sample : samples.chosen) by_step[sample.step].push_back(sample.id);
  ASSERT_EQ(by_step.size(), 10u);
  for (const auto& [step, ids] : by_step) EXPECT_THAT(ids, ElementsAre("0", "6", "13"));

  const Samples few = read(text, 4);  // less than steps
  EXPECT_LE(few.chosen.size(), 4u);
  EXPECT_EQ(few.chosen.back().step, 10) << "the last step is always there";
}

TEST_F(SamplesTest, LongTextsAreCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 20000; ++i) text += "é";
  const Samples samples = read(fmt::format("{{\"step\":1,\"text\":\"{}\"}}\n", text));
  EXPECT_THAT(samples.chosen[0].thinking, HasSubstr("é\n[… cut here: "));
  EXPECT_LT(samples.chosen[0].thinking.size(), 17000u);
}

TEST_F(SamplesTest, NoFileIsAnError) {
  EXPECT_THROW(read_samples(folder_ / "none.jsonl", 1), Error);
}

}  // namespace
}  // namespace stapes::report
