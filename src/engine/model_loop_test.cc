// What requests share, and that nobody can tell it from the answers.
#include "engine/model_loop.h"

#include <gtest/gtest.h>

#include "engine/testing/model_loop_fixture.h"

namespace stapes {
namespace {

using testing::expect_same;
using testing::Gate;
using testing::ModelLoopTest;
using testing::one_thread;
using testing::sound_request;
using testing::text_request;

TEST_F(ModelLoopTest, TheSecondQuestionAboutAClipHearsItNotAgain) {
  ModelLoop loop(model_, one_thread());
  const Request first = sound_request("Which digits are spoken?", 2.0, 1);
  const Request second = sound_request("How many notes are there?", 2.0, 1);
  expect_same(answer(loop, first), alone(first));
  const EngineCounters before = loop.counters();
  EXPECT_EQ(before.encoder_runs, 1);
  EXPECT_EQ(before.clips_from_cache, 0);
  EXPECT_EQ(before.prompt_tokens_from_cache, 0);
  EXPECT_GT(before.pages_cached, 0);

  const std::vector<Generation> answers = answer(loop, second);
  expect_same(answers, alone(second));
  const EngineCounters after = loop.counters();
  EXPECT_EQ(after.encoder_runs, 1);
  EXPECT_EQ(after.clips_from_cache, 1);
  // The turn's beginning and 25 rows of sound: 2 pages, the second ends inside of the sound.
  EXPECT_EQ(after.prompt_tokens_from_cache, 32);
  EXPECT_EQ(answers[0].result.usage.cached_tokens, 32);
  EXPECT_EQ(after.prompt_tokens_computed - before.prompt_tokens_computed,
            static_cast<int64_t>(answers[0].prompt_ids.size()) - 32);
}

TEST_F(ModelLoopTest, WithoutTheClipCacheTheRestOfAClipIsHeardAgain) {
  EngineOptions options = one_thread();
  options.clip_cache_bytes = 0;
  ModelLoop loop(model_, options);
  answer(loop, sound_request("Which digits are spoken?", 1.0, 1));
  const std::string question = "How many notes are there? qzj xkv wyb qzj xkv wyb";
  const Request second = sound_request(question, 1.0, 1);
  expect_same(answer(loop, second), alone(second));
  EXPECT_EQ(loop.counters().encoder_runs, 2);
  EXPECT_EQ(loop.counters().prompt_tokens_from_cache, 16);
  // Now all of the sound is in the prefix.
  const Request third = sound_request(question + " And why?", 1.0, 1);
  expect_same(answer(loop, third), alone(third));
  EXPECT_EQ(loop.counters().encoder_runs, 2);
  EXPECT_EQ(loop.counters().clips_from_cache, 1);
}

TEST_F(ModelLoopTest, AnotherClipOfTheSameLengthIsAnotherQuestion) {
  ModelLoop loop(model_, one_thread());
  answer(loop, sound_request("Which digits are spoken?", 1.0, 1));
  const Request other = sound_request("Which digits are spoken?", 1.0, 2);
  expect_same(answer(loop, other), alone(other));
  EXPECT_EQ(loop.counters().prompt_tokens_from_cache, 0);
  EXPECT_EQ(loop.counters().encoder_runs, 2);
}

TEST_F(ModelLoopTest, TheSameAgainComputesOnlyTheLastPage) {
  ModelLoop loop(model_, one_thread());
  const Request request = sound_request("Which digits are spoken?", 3.0, 1);
  const std::vector<Generation> first = answer(loop, request);
  const int64_t computed = loop.counters().prompt_tokens_computed;
  expect_same(answer(loop, request), first);
  EXPECT_LE(loop.counters().prompt_tokens_computed - computed, 16);
  EXPECT_GE(loop.counters().prompt_tokens_computed - computed, 1);
}

TEST_F(ModelLoopTest, WhatTwoNeedAtTheSameTimeIsComputedOnce) {
  Gate gate;
  hooks_->in_decoder([&] { gate.pass(); });
  ModelLoop loop(model_, one_thread());
  const auto first = submit(loop, text_request("x"));
  gate.wait_until_reached();
  std::vector<std::shared_ptr<RequestStream>> streams;
  std::vector<Request> requests;
  for (const char* question :
       {"Which digits are spoken?", "How many notes are there?", "Which digits are spoken?"}) {
    requests.push_back(sound_request(question, 3.0, 1));
    streams.push_back(submit(loop, requests.back()));
  }
  gate.open();
  for (size_t i = 0; i < streams.size(); ++i) {
    const std::vector<Generation> answers = streams[i]->take_generations();
    expect_same(answers, alone(requests[i]));
    EXPECT_EQ(answers[0].result.usage.cached_tokens >= 32, i > 0) << i;
  }
  EXPECT_EQ(loop.counters().encoder_runs, 1);
  EXPECT_EQ(loop.counters().clips_from_cache, 2);
}

TEST_F(ModelLoopTest, SamplesShareThePromptAndAreWhatEachIsAlone) {
  Request request = sound_request("Which digits are spoken?", 2.0, 3);
  request.sampling.temperature = 1.1;
  request.sampling.seed = 9;
  request.sampling.repetition_penalty = 1.2;
  request.sampling.max_tokens = 30;
  request.samples = 16;
  ModelLoop loop(model_, one_thread());
  const std::vector<Generation> samples = answer(loop, request);
  ASSERT_EQ(samples.size(), 16U);
  EXPECT_EQ(loop.counters().prompt_tokens_computed,
            static_cast<int64_t>(samples.front().prompt_ids.size()));
  EXPECT_EQ(loop.counters().prompt_tokens_from_cache, 0);
  EXPECT_EQ(loop.counters().encoder_runs, 1);
  EXPECT_NE(samples[0].ids, samples[1].ids);
  int64_t generated = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    SCOPED_TRACE(i);
    generated += static_cast<int64_t>(samples[i].ids.size());
    Request one = request;
    one.samples = 1;
    one.sampling.sequence = i;
    expect_same({samples[i]}, alone(one));
  }
  EXPECT_EQ(loop.counters().generated_tokens, generated);
}

TEST_F(ModelLoopTest, DeltasSayOfWhichSampleTheyAre) {
  Request request = text_request("What is the sum of the digits?");
  request.sampling.temperature = 1;
  request.samples = 3;
  ModelLoop loop(model_, one_thread());
  AnswerStream stream(submit(loop, request));
  std::vector<std::string> texts(3);
  while (const auto delta = stream.next())
    texts.at(static_cast<size_t>(delta->sample)) += delta->text;
  const std::vector<Result> results = stream.results();
  ASSERT_EQ(results.size(), 3U);
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(texts[i], results[i].thinking + results[i].answer);
}

TEST_F(ModelLoopTest, GuessesChangeNothing) {
  ModelLoop loop(model_, one_thread());
  Request base = sound_request("Which digits are spoken? Which digits are spoken?", 1.0, 4);
  base.sampling.max_tokens = 120;
  std::vector<Request> requests(5, base);
  requests[1].sampling.temperature = 0.6;
  requests[2].sampling.repetition_penalty = 1.1;
  requests[3].sampling.think_budget = 33;
  requests[4].sampling.temperature = 0.4;
  requests[4].samples = 3;
  // A text that the answer without it does write: the place where it stops is the same.
  const std::string written = alone(base)[0].result.thinking;
  requests.push_back(base);
  requests.back().sampling.stop = {written.substr(written.size() / 2, 3)};
  for (Request& request : requests) {
    const std::vector<Generation> expected = alone(request);
    for (const int guesses : {1, 4, 16}) {
      SCOPED_TRACE(guesses);
      request.sampling.speculate_tokens = guesses;
      expect_same(answer(loop, request), expected);
    }
  }
  const EngineCounters counters = loop.counters();
  EXPECT_GT(counters.accepted_tokens, 0);
  EXPECT_GT(counters.speculated_tokens, counters.accepted_tokens);
}

TEST_F(ModelLoopTest, PagesAreGivenUpWhenTheyAreNeeded) {
  EngineOptions options = one_thread();
  options.max_kv_tokens = 160;
  LoadedModel narrow = load(options);
  ModelLoop loop(narrow, options);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < 8; ++i) {
      const Request request = sound_request("Which digits are spoken?", 1.5, i);
      expect_same(
          loop.submit(prepare_request(narrow, request), WhenFull::kRefuse, {})->take_generations(),
          alone(request));
      EXPECT_LE(loop.counters().pages_in_use, 10);
    }
  }
}

TEST_F(ModelLoopTest, AFullContextEndsOneAndTheOthersGoOn) {
  EngineOptions options = one_thread();
  options.max_context_tokens = 70;
  LoadedModel narrow = load(options);
  ModelLoop loop(narrow, options);
  Request longer = sound_request("Which digits are spoken?", 2.0, 1);
  longer.sampling.max_tokens = 1000;
  const Request shorter = text_request("x");
  const auto first = loop.submit(prepare_request(narrow, longer), WhenFull::kRefuse, {});
  const auto second = loop.submit(prepare_request(narrow, shorter), WhenFull::kRefuse, {});
  const Generation cut = first->take_generations().front();
  EXPECT_EQ(cut.result.finish, FinishReason::kLength);
  EXPECT_EQ(cut.prompt_ids.size() + cut.ids.size(), 70U);
  expect_same(second->take_generations(), alone(shorter));
}

}  // namespace
}  // namespace stapes
