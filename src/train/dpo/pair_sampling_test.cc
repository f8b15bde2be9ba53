// What may be chosen, and what the model is asked.
#include "train/dpo/pair_sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "audio/audio_file.h"
#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "reward/self_cognition.h"
#include "stapes/error.h"
#include "train/dpo/hearing_prompts.h"

namespace stapes::train {
namespace {

using ::testing::HasSubstr;

std::string question_of(const RolloutPrompt& prompt) {
  return prompt.messages.back().parts.back().text;
}

bool may_be_chosen(const RolloutPrompt& prompt, const std::string& thinking,
                   const std::string& answer) {
  reward::GroundingFunnel funnel;
  return hears_well(prompt, reward::Reply{thinking, answer, true}, funnel);
}

TEST(HearsWell, WhatNamesTheSoundAndSaysNothingFalse) {
  const auto source = world_hearing_prompts({.max_notes = 3});
  const RolloutPrompt prompt = source->get(Phase::kTraining, 5);
  ASSERT_TRUE(prompt.truth);
  ASSERT_EQ(prompt.truth->events.size(), 3U);
  const std::string right = world::thinking_for(world::Task::kCountNotes, *prompt.truth);
  EXPECT_TRUE(may_be_chosen(prompt, right, "I hear 3 notes.")) << right;
  EXPECT_FALSE(may_be_chosen(prompt, right, "I hear 5 notes.")) << "the answer is false";
  EXPECT_FALSE(
      may_be_chosen(prompt, "First E4; second E4, same. That makes 2 notes.", "I hear 2 notes."))
      << "the thought is false";
  EXPECT_FALSE(may_be_chosen(prompt, "", "I hear 3 notes.")) << "no thought";
  EXPECT_FALSE(may_be_chosen(prompt, "The transcript says that there are 3 notes.", "3 notes."));
  EXPECT_FALSE(may_be_chosen(prompt, "Yes, of course, why should I not?", "Yes."));
}

TEST(HearsWell, RecordingsAreMeasured) {
  AudioClip clip;
  for (int i = 0; i < 24000; ++i)
    clip.samples.push_back(0.3F * static_cast<float>(std::sin(2 * 3.14159265 * 440 * i / 16000)));
  RolloutPrompt prompt;
  prompt.messages = {{"user", {ContentPart::of_audio(0), ContentPart::of_text("Do you hear?")}}};
  prompt.clips = {clip};
  EXPECT_TRUE(
      may_be_chosen(prompt, "I hear a steady tone with a pitch of 440 Hz.", "Yes, I hear a tone."));
  EXPECT_FALSE(
      may_be_chosen(prompt, "I hear a steady tone with a pitch of 900 Hz.", "Yes, I hear a tone."));
}

TEST(HearingPrompts, SplitsShareNeitherQuestionsNorClips) {
  const auto source = world_hearing_prompts({});
  std::set<std::string> train, test;
  for (uint64_t i = 0; i < 40; ++i) {
    train.insert(question_of(source->get(Phase::kTraining, i)));
    test.insert(question_of(source->get(Phase::kEvaluation, i)));
  }
  EXPECT_EQ(train.size(), 40U) << "all different until every one was asked";
  const auto known = reward::self_cognition_questions(world::Split::kTrain);
  for (const auto& question : train)
    EXPECT_NE(std::ranges::find(known, question), known.end()) << question;
  for (const auto& question : test) EXPECT_FALSE(train.contains(question)) << question;
  EXPECT_NE(source->get(Phase::kTraining, 1).clips[0].samples,
            source->get(Phase::kEvaluation, 1).clips[0].samples);
  EXPECT_EQ(source->get(Phase::kTraining, 1).clips[0].samples,
            source->get(Phase::kTraining, 1).clips[0].samples);
}

TEST(HearingPrompts, ClipsOfJsonLines) {
  const testing::TemporaryFolder folder;
  AudioClip clip;
  clip.samples.assign(8000, 0.1F);
  write_wav_file(folder.path() / "a.wav", clip);
  const std::string text = R"({"messages":[{"role":"user","content":"no clip"}]})";
  write_file_atomically(
      folder.path() / "c.jsonl",
      text + "\n" +
          R"({"messages":[{"role":"user","content":"<audio>Which?"}],"audios":["a.wav"]})");
  const auto source = jsonl_hearing_prompts(folder.path() / "c.jsonl", 1);
  EXPECT_EQ(source->count(), 1U);
  const RolloutPrompt first = source->get(Phase::kTraining, 0);
  const RolloutPrompt second = source->get(Phase::kTraining, 1);
  EXPECT_NE(question_of(first), "Which?");
  EXPECT_NE(question_of(first), question_of(second)) << "the same clip, asked otherwise";
  EXPECT_EQ(first.clips[0].samples.size(), 8000U);
  EXPECT_FALSE(first.truth);
  EXPECT_EQ(first.columns.at("audio"), (folder.path() / "a.wav").string());

  write_file_atomically(folder.path() / "c.jsonl", text);
  try {
    jsonl_hearing_prompts(folder.path() / "c.jsonl", 1);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no row has a clip"));
  }
}

TEST(PairSamplingFunnel, SaysWhereRepliesWent) {
  PairSamplingFunnel funnel;
  funnel.pairs = {.prompts = 10,
                  .completions = 76,
                  .refusals = 19,
                  .unusable = 7,
                  .no_chosen = 1,
                  .no_rejected = 4,
                  .pairs = 5};
  funnel.cut = 4;
  funnel.rejected_examples = 2;
  EXPECT_DOUBLE_EQ(funnel.refusal_rate(), 0.25);
  EXPECT_EQ(funnel.to_json().at("replies"), 80);
  EXPECT_THAT(funnel.to_table(), HasSubstr("10 prompts, 80 replies: 4 cut, 19 refuse (25.00 %)"));
  EXPECT_THAT(funnel.to_table(), HasSubstr("5 pairs, 2 with a worded refusal"));
}

}  // namespace
}  // namespace stapes::train
