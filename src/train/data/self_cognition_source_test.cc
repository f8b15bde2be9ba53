#include "train/data/self_cognition_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/testing/tiny_model.h"
#include "reward/grounding_report.h"
#include "reward/self_cognition.h"
#include "world/world.h"

namespace stapes::train {
namespace {

using ::testing::HasSubstr;

const Tokenizer& tiny_tokenizer() {
  static const Tokenizer shared = Tokenizer::parse(testing::tiny_tokenizer_json(), "test");
  return shared;
}

// What the loss is on, as text.
std::string reply_of(const TrainingExample& example) {
  std::vector<TokenId> labels;
  for (const auto label : example.labels)
    if (label != kIgnore) labels.push_back(label);
  const std::string text = tiny_tokenizer().decode(labels);
  EXPECT_TRUE(text.ends_with("<|EOT|>")) << text;
  return text.substr(0, text.size() - 7);
}

bool refuses(const TrainingExample& example) {
  return reward::find_refusal(reward::split_reply(reply_of(example))).has_value();
}

TEST(SelfCognitionSource, RepliesHearOrRefuseInTheShareThatIsAskedFor) {
  for (const double share : {0.0, 0.07, 1.0}) {
    const auto source = self_cognition_source({.refusal_share = share}, tiny_tokenizer(), 80);
    int refusals = 0;
    constexpr int kCount = 300;
    for (uint64_t i = 0; i < kCount; ++i)
      refusals += refuses(source->get(Phase::kTraining, i, 0)) ? 1 : 0;
    // Four deviations of a binomial.
    const double slack = 4 * std::sqrt(kCount * share * (1 - share));
    EXPECT_NEAR(refusals, kCount * share, slack) << share;
  }
}

// What the filter of the self-distillation would choose.
TEST(SelfCognitionSource, WhatHearsIsGroundedAndCoherent) {
  const auto source = self_cognition_source({.refusal_share = 0}, tiny_tokenizer(), 80);
  for (uint64_t i = 0; i < 40; ++i) {
    const reward::Reply reply = reward::split_reply(reply_of(source->get(Phase::kTraining, i, 0)));
    const reward::GroundingReport report =
        reward::check_grounding({.question = "Can you hear this recording?", .reply = reply},
                                {.require_right = false, .fewest_true_claims = 0});
    EXPECT_TRUE(report.kept()) << report.reason << ": " << reply.thinking << " / " << reply.answer;
    EXPECT_THAT(reply.answer, ::testing::MatchesRegex("I hear [0-9]+ notes?\\."));
    EXPECT_FALSE(report.claims.empty());
  }
}

TEST(SelfCognitionSource, SplitsShareNoQuestion) {
  const auto source = self_cognition_source({}, tiny_tokenizer(), 80);
  const auto questions = [&](Phase phase) {
    std::set<std::string> asked;
    for (uint64_t i = 0; i < 60; ++i) {
      const std::string prompt = tiny_tokenizer().decode(source->get(phase, i, 0).ids);
      const size_t begin = prompt.find("<audio_end>");
      asked.insert(prompt.substr(begin, prompt.find("<|EOT|>", begin) - begin));
    }
    return asked;
  };
  const auto train = questions(Phase::kTraining), test = questions(Phase::kEvaluation);
  EXPECT_GT(train.size(), 20U);
  for (const auto& question : test) EXPECT_FALSE(train.contains(question)) << question;
}

TEST(SelfCognitionSource, APureFunctionOfTheIndex) {
  const auto a = self_cognition_source({.seed = 4}, tiny_tokenizer(), 80);
  const auto b = self_cognition_source({.seed = 4}, tiny_tokenizer(), 80);
  EXPECT_EQ(a->get(Phase::kTraining, 7, 0).ids, b->get(Phase::kTraining, 7, 100).ids);
  EXPECT_EQ(a->fingerprint(), b->fingerprint());
  EXPECT_NE(a->get(Phase::kTraining, 7, 0).ids, a->get(Phase::kTraining, 8, 0).ids);
}

TEST(SelfCognitionSource, IsMixedIntoTheWorld) {
  DataRecipe recipe;
  recipe.melody_share = 1;
  recipe.self_cognition_share = 0.3;
  recipe.refusal_share = 1;
  const auto source = world_source(recipe, 1, tiny_tokenizer(), 80);
  EXPECT_THAT(source->fingerprint(), HasSubstr("self-cognition"));
  int refusals = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const TrainingExample example = source->get(Phase::kTraining, i, 0);
    if (example.segments.back() == 0) refusals += refuses(example) ? 1 : 0;
  }
  EXPECT_EQ(refusals, 60) << "exact shares";
}

}  // namespace
}  // namespace stapes::train
