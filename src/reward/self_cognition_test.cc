#include "reward/self_cognition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/rng.h"
#include "reward/words.h"
#include "world/random_truth.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

TEST(FindRefusal, ManyWaysToDenyHearing) {
  for (const char* text : {
           "I'm sorry, but I can't hear audio.",
           "I cannot listen to recordings.",
           "I can not hear the clip you sent.",
           "As a text-based model, I cannot process sound.",
           "As a language model, I don't have the ability to listen.",
           "As an AI, I am not able to hear anything in it.",
           "I am unable to listen to audio files.",
           "I'm unable to process the audio.",
           "Unfortunately, I do not have access to the recording.",
           "I don’t have ears.",
           "I have no way to listen to it.",
           "I only process text.",
           "I can only read text, so I don't know.",
           "I lack the capability to hear.",
           "My abilities are limited to text.",
           "I am a text-based assistant.",
           "No audio was provided.",
           "There is no audio attached.",
           "I don't see any audio file here.",
           "You haven't attached a recording.",
           "Please provide a transcript of the recording.",
           "Could you share the transcription?",
           "I would need a transcript.",
           "I need a description of the sound to answer.",
           "Without being able to hear it I would guess.",
           "我无法听到声音。",
           "作为文本模型，我不能回答。",
       })
    EXPECT_TRUE(find_refusal(text)) << text;
}

TEST(FindRefusal, WhatIsHeardNotToBeThereIsNone) {
  for (const char* text : {
           "I can hear no speech.",
           "I cannot hear any speech in this recording.",
           "I can't hear a second voice.",
           "I hear nothing but noise.",
           "No music can be heard.",
           "There is no speech in the audio.",
           "I can hear three digits.",
           "Yes, I can hear you clearly.",
           "The speaker says that he cannot hear the audio.",
           "She said: \"I can't hear the audio\".",
           "I am not a text-based model, I listen.",
           "It is not true that I cannot hear audio.",
           "I cannot tell which digit it is.",
           "The voice stays the same.",
           "I can't hear any audio artefacts.",
           "The recording has no pauses.",
           "No, the voices differ.",
           "It is a text that somebody reads.",
           "",
       }) {
    const auto refusal = find_refusal(text);
    EXPECT_FALSE(refusal) << text << ": " << refusal->phrase;
  }
}

TEST(FindRefusal, TheWorldsOwnTextsAreNone) {
  for (int task = 0; task < world::kTaskCount; ++task)
    for (uint64_t i = 0; i < 50; ++i) {
      Rng rng(1, static_cast<uint64_t>(task), i);
      const auto truth = world::random_truth(static_cast<world::Task>(task), rng);
      EXPECT_FALSE(find_refusal(world::thinking_for(static_cast<world::Task>(task), truth)));
    }
}

TEST(FindRefusal, InTheThoughtToo) {
  EXPECT_TRUE(find_refusal(Reply{"I cannot listen to audio, so I guess.", "3", true}));
  EXPECT_FALSE(find_refusal(Reply{"First I hear 3.", "3", true}));
}

TEST(FindRefusal, OurOwnExamplesAreFound) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) seen.insert(example_refusal(seed));
  EXPECT_GE(seen.size(), 12U);
  for (const std::string& text : seen) EXPECT_TRUE(find_refusal(text)) << text;
}

TEST(SelfCognitionQuestions, SplitsShareNothing) {
  const auto train = self_cognition_questions(world::Split::kTrain);
  const auto test = self_cognition_questions(world::Split::kTest);
  EXPECT_GE(train.size(), 100U);
  EXPECT_GE(test.size(), 20U);
  std::set<std::string> all(train.begin(), train.end());
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all.size(), train.size() + test.size()) << "all different";
  for (const std::string& question : all) {
    EXPECT_EQ(question.find('{'), std::string::npos) << question;
    EXPECT_FALSE(find_refusal(question)) << "a question is no refusal: " << question;
  }
  // No five words in a row are in both.
  std::set<std::string> runs;
  const auto runs_of = [](const std::string& text) {
    const auto words = words_of(text);
    std::vector<std::string> found;
    for (size_t i = 0; i + 5 <= words.size(); ++i)
      found.push_back(joined(std::span(words).subspan(i, 5)));
    return found;
  };
  for (const std::string& question : train)
    for (const std::string& run : runs_of(question)) runs.insert(run);
  for (const std::string& question : test)
    for (const std::string& run : runs_of(question)) EXPECT_FALSE(runs.contains(run)) << run;
}

const std::string kHears = "I listen to it now.\n</think>\nYes, three digits.";
const std::string kRefuses = "I am a model.\n</think>\nI cannot hear audio.";
const std::string kCutOff = "I listen and listen";

TEST(PreferencePairs, AHearingReplyAndARefusalOfTheSamePrompt) {
  const std::vector<SampledReplies> replies = {
      {"Can you hear it?", "a.wav", {kHears, kRefuses, kCutOff, kRefuses}},
      {"And this?", "b.wav", {kHears, kHears}},
      {"Or that?", "c.wav", {kRefuses}},
  };
  PairFunnel funnel;
  const auto pairs = make_preference_pairs(replies, {}, funnel);
  ASSERT_EQ(pairs.size(), 2U);
  for (const PreferencePair& pair : pairs) {
    EXPECT_EQ(pair.prompt, 0U);
    EXPECT_EQ(pair.chosen, kHears);
    EXPECT_EQ(pair.rejected, kRefuses);
  }
  EXPECT_EQ(funnel.prompts, 3);
  EXPECT_EQ(funnel.completions, 7);
  EXPECT_EQ(funnel.refusals, 3);
  EXPECT_EQ(funnel.unusable, 1);
  EXPECT_EQ(funnel.no_rejected, 1);
  EXPECT_EQ(funnel.no_chosen, 1);
  EXPECT_EQ(funnel.pairs, 2);
}

TEST(PreferencePairs, ExamplesWhereTheModelNeverRefuses) {
  const std::vector<SampledReplies> replies = {{"Can you hear it?", "a.wav", {kHears, kHears}}};
  PairFunnel funnel;
  const auto pairs = make_preference_pairs(replies, {.examples_where_none_refuses = true}, funnel);
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_TRUE(pairs[0].rejected_is_example);
  EXPECT_TRUE(find_refusal(split_reply(pairs[0].rejected)));
  EXPECT_TRUE(split_reply(pairs[0].rejected).closed);
}

TEST(PreferencePairs, LimitsAndTheCallersWord) {
  std::vector<SampledReplies> replies(50, {"Q?", "a.wav", {kHears, kRefuses, kRefuses}});
  PairFunnel funnel;
  EXPECT_EQ(make_preference_pairs(replies, {.most_pairs = 7}, funnel).size(), 7U);
  EXPECT_EQ(make_preference_pairs(replies, {.most_pairs_per_prompt = 1}, funnel).size(), 50U);
  const auto none = make_preference_pairs(
      replies, {.may_be_chosen = [](size_t, const Reply&) { return false; }}, funnel);
  EXPECT_TRUE(none.empty());
}

TEST(PreferencePairs, JsonlThatDpoReads) {
  const SampledReplies replies{"Can you hear it?", "clips/a.wav", {}};
  const auto line = to_jsonl(replies, {.prompt = 0, .chosen = kHears, .rejected = kRefuses});
  const auto pair = nlohmann::json::parse(line);
  EXPECT_EQ(pair["messages"][0]["content"], "<audio>Can you hear it?");
  EXPECT_EQ(pair["messages"][1]["role"], "assistant");
  EXPECT_EQ(pair["messages"][1]["content"], "<think>\n" + kHears);
  EXPECT_EQ(pair["rejected_response"], "<think>\n" + kRefuses);
  EXPECT_EQ(pair["audios"][0], "clips/a.wav");
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace stapes::reward
