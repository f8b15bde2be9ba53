#include "reward/grounding_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world/world.h"

namespace stapes::reward {
namespace {

using ::testing::HasSubstr;

world::Truth three_seven() {
  world::Truth truth;
  for (const int digit : {3, 7}) {
    world::Event& event = truth.events.emplace_back();
    event.digit = digit;
    event.speaker = "theo";
  }
  return truth;
}

GroundingInput input(const std::string& thinking, const std::string& answer, bool closed = true) {
  GroundingInput input;
  input.question = "What is the sum of the digits?";
  input.reply = {thinking, answer, closed};
  input.evidence = {facts_of(three_seven())};
  input.expected = ExpectedAnswer{.kind = AnswerKind::kNumber, .text = "10"};
  return input;
}

struct FilteredThought {
  const char* thinking;
  const char* answer;
  FilterStage stage;
  const char* reason;
};

TEST(GroundingReport, EachStageDropsWhatItIsFor) {
  for (const auto& [thinking, answer, stage, reason] : {
           FilteredThought{"First I hear 3, second 7. 3 + 7 = 10.", "10", FilterStage::kKept, ""},
           FilteredThought{"First I hear 3, second 7. 3 + 7 = 10.", "", FilterStage::kWhole,
                           "no answer"},
           FilteredThought{"Ten", "10", FilterStage::kReasoning, "1 words"},
           FilteredThought{"I cannot listen to audio, so I guess that it is ten.", "10",
                           FilterStage::kHears, "cannot listen"},
           FilteredThought{"First I hear 3, second 7. 3 + 7 = 10.", "11", FilterStage::kRight,
                           "another answer"},
           FilteredThought{"It must be ten because most sums are.", "10", FilterStage::kNamesSound,
                           "nothing that is heard"},
           FilteredThought{"According to the transcript: first I hear 3, second 7. 3 + 7 = 10.",
                           "10", FilterStage::kNoText, "According to the transcript"},
           FilteredThought{"First I hear 4, second 6. 4 + 6 = 10.", "10", FilterStage::kTrueClaims,
                           "digit 1 is 3"},
           FilteredThought{"The speaker has a low voice, so the sum is 10.", "10",
                           FilterStage::kTrueClaims, "0 true claims"},
           FilteredThought{"First I hear 3, second 7. 3 + 7 = 11. 11 - 1 = 10.", "10",
                           FilterStage::kCoherent, "3 + 7 = 11"},
       }) {
    const GroundingReport report = check_grounding(input(thinking, answer));
    EXPECT_EQ(report.stage, stage) << thinking << " -> " << name(report.stage);
    EXPECT_THAT(report.reason, HasSubstr(reason)) << thinking;
  }
  EXPECT_EQ(check_grounding(input("First I hear 3, second 7.", "10", false)).stage,
            FilterStage::kWhole);
}

TEST(GroundingReport, ControlArmsSwitchStagesOff) {
  const GroundingInput wrong_claims = input("First I hear 4, second 6. 4 + 6 = 10.", "10");
  EXPECT_TRUE(check_grounding(wrong_claims, {.require_grounded = false}).kept())
      << "right for the wrong reason";
  const GroundingInput wrong_answer = input("First I hear 3, second 7. 3 + 7 = 10.", "11");
  EXPECT_EQ(check_grounding(wrong_answer, {.require_right = false}).stage, FilterStage::kCoherent);
  EXPECT_TRUE(
      check_grounding(wrong_answer, {.require_right = false, .require_coherent = false}).kept());
}

TEST(GroundingReport, NoScoreIsNotRight) {
  GroundingInput ungraded = input("First I hear 3, second 7. 3 + 7 = 10.", "10");
  ungraded.grade = Grade{.score = std::nullopt, .found = {}, .reason = "the grader hung"};
  const GroundingReport report = check_grounding(ungraded);
  EXPECT_EQ(report.stage, FilterStage::kRight);
  EXPECT_THAT(report.reason, HasSubstr("no score: the grader hung"));
}

TEST(GroundingReport, TheJudgeHasTheLastWord) {
  GroundingInput judged = input("First I hear 3, second 7. 3 + 7 = 10.", "10");
  judged.judged = JudgeVerdict{true, false, true, 3, 0, "fine"};
  EXPECT_TRUE(check_grounding(judged).kept());
  judged.judged = JudgeVerdict{true, true, true, 3, 0, "leans on text"};
  EXPECT_EQ(check_grounding(judged).stage, FilterStage::kJudged);
  judged.judged = JudgeVerdict{};
  EXPECT_TRUE(check_grounding(judged).kept());
  EXPECT_EQ(check_grounding(judged, {.no_verdict_is_grounded = false}).stage, FilterStage::kJudged);
}

TEST(GroundingReport, WithoutEvidenceClaimsAreUncheckable) {
  GroundingInput unknown = input("First I hear 3, second 7. 3 + 7 = 10.", "10");
  unknown.evidence.clear();
  EXPECT_EQ(check_grounding(unknown).stage, FilterStage::kTrueClaims);
  EXPECT_TRUE(check_grounding(unknown, {.fewest_true_claims = 0}).kept());
  EXPECT_EQ(check_grounding(unknown).uncheckable_claims, 2);
}

TEST(GroundingFunnel, AddsUp) {
  GroundingFunnel funnel;
  funnel.add(check_grounding(input("First I hear 3, second 7. 3 + 7 = 10.", "10")));
  funnel.add(check_grounding(input("First I hear 4, second 6. 4 + 6 = 10.", "10")));
  funnel.add(check_grounding(input("Ten", "10")));
  GroundingFunnel both;
  both.add(funnel);
  both.add(funnel);
  EXPECT_EQ(both.replies(), 6);
  EXPECT_EQ(both.kept(), 2);
  EXPECT_EQ(both.dropped_at(FilterStage::kTrueClaims), 2);
  EXPECT_EQ(both.dropped_at(FilterStage::kReasoning), 2);
  EXPECT_EQ(both.true_claims(), 4);
  EXPECT_EQ(both.false_claims(), 4);
  const auto json = both.to_json();
  EXPECT_EQ(json["dropped"]["true-claims"], 2);
  EXPECT_EQ(json["kept"], 2);
  EXPECT_THAT(both.to_table(), HasSubstr("true-claims          2         2\n"));
}

TEST(GroundingReport, AsJson) {
  const auto json = to_json(check_grounding(input("First I hear 4, second 7. 4 + 7 = 11.", "11")));
  EXPECT_EQ(json["stage"], "right");
  EXPECT_EQ(json["claims"][0]["verdict"], "false");
  EXPECT_EQ(json["claims"][1]["verdict"], "true");
  EXPECT_EQ(json["grade"]["score"], 0.0);
  EXPECT_EQ(json["coherence"]["gives_answer"], "yes");
  EXPECT_TRUE(json["judge"].is_null());
}

}  // namespace
}  // namespace stapes::reward
