// The loop over a real (tiny, random) model: sharing, waiting, cancelling, failing, ending.
#include "engine/model_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "engine/testing/hooked_ops.h"
#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;
using testing::one_thread;
using testing::sound_request;
using testing::text_request;

class ModelLoopTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::write_random_model(folder_->path());
  }
  static void TearDownTestSuite() { delete folder_; }

  ModelLoopTest() : model_(load(one_thread())) {}

  // Nothing but a limit ends an answer.
  LoadedModel load(const EngineOptions& options) {
    LoadedModel model = load_model(folder_->path(), options,
                                   std::make_unique<testing::HookedOps>(make_ops(1), hooks_));
    model.stop_token_ids.clear();
    return model;
  }
  std::shared_ptr<RequestStream> submit(ModelLoop& loop, const Request& request,
                                        WhenFull when_full = WhenFull::kRefuse) {
    return loop.submit(prepare_request(model_, request), when_full, {});
  }
  std::vector<Generation> answer(ModelLoop& loop, const Request& request) {
    return submit(loop, request)->take_generations();
  }
  // By a loop of its own without any cache.
  std::vector<Generation> alone(const Request& request) {
    EngineOptions options = one_thread();
    options.prefix_cache = false;
    options.clip_cache_bytes = 0;
    ModelLoop loop(model_, options);
    return answer(loop, request);
  }

  static Request long_request() {
    Request request = text_request("How many notes are there?");
    request.sampling.max_tokens = 1900;
    request.sampling.temperature = 1;
    return request;
  }

  static testing::TemporaryFolder* folder_;
  std::shared_ptr<testing::Hooks> hooks_ = std::make_shared<testing::Hooks>();
  LoadedModel model_;
};
testing::TemporaryFolder* ModelLoopTest::folder_ = nullptr;

void expect_same(const std::vector<Generation>& a, const std::vector<Generation>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_EQ(a[i].result.thinking, b[i].result.thinking);
    EXPECT_EQ(a[i].result.answer, b[i].result.answer);
    EXPECT_EQ(a[i].result.finish, b[i].result.finish);
  }
}

std::string failure_of(RequestStream& stream) {
  try {
    stream.take_generations();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "it did not fail";
}

// Holds whoever passes until it is opened.
class Gate {
 public:
  void pass() {
    set(reached_);
    open_.wait(false);
  }
  void wait_until_reached() { reached_.wait(false); }
  void open() { set(open_); }

 private:
  static void set(std::atomic<bool>& flag) {
    flag = true;
    flag.notify_all();
  }
  std::atomic<bool> reached_ = false;
  std::atomic<bool> open_ = false;
};

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

TEST_F(ModelLoopTest, CancelledWhileItGenerates) {
  ModelLoop loop(model_, one_thread());
  AnswerStream stream(submit(loop, long_request()));
  ASSERT_TRUE(stream.next());
  EXPECT_TRUE(loop.cancel(stream.id()));
  EXPECT_EQ(stream.result().finish, FinishReason::kCancelled);
  EXPECT_FALSE(loop.cancel(stream.id()));
  EXPECT_FALSE(loop.cancel(12345));
  EXPECT_EQ(loop.counters().live_sequences, 0);
}

TEST_F(ModelLoopTest, CancelledWhileItWaitsOrReads) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 1;
  Gate gate;
  hooks_->in_decoder([&] { gate.pass(); });
  ModelLoop loop(model_, options);
  const auto reading = submit(loop, sound_request("Which digits are spoken?", 2.0, 1));
  gate.wait_until_reached();
  const auto waiting = submit(loop, text_request("x"));
  const auto last = submit(loop, text_request("What is the sum?"));
  EXPECT_EQ(loop.counters().queued_requests, 2);
  reading->cancel();
  waiting->cancel();
  gate.open();
  EXPECT_EQ(reading->take_generations().front().result.finish, FinishReason::kCancelled);
  const Generation nothing = waiting->take_generations().front();
  EXPECT_EQ(nothing.result.finish, FinishReason::kCancelled);
  EXPECT_TRUE(nothing.ids.empty());
  hooks_->in_decoder({});
  expect_same(last->take_generations(), alone(text_request("What is the sum?")));
}

TEST_F(ModelLoopTest, AStreamThatGoesAwayCancels) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 1;
  ModelLoop loop(model_, options);
  { const AnswerStream forgotten(submit(loop, long_request())); }
  expect_same(answer(loop, text_request("x")), alone(text_request("x")));
}

TEST_F(ModelLoopTest, ASlowReaderHoldsUpNobodyElse) {
  EngineOptions options = one_thread();
  options.max_unread_deltas = 2;
  ModelLoop loop(model_, options);
  AnswerStream slow(submit(loop, long_request()));
  for (int i = 0; i < 3; ++i)
    expect_same(answer(loop, text_request("x")), alone(text_request("x")));
  // It stands where its reader left it.
  const int64_t steps = loop.counters().steps;
  EXPECT_LT(steps, 200);
  EXPECT_FALSE(slow.finished());
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const auto delta = slow.next();
    ASSERT_TRUE(delta);
    text += delta->text;
  }
  Request beginning = long_request();
  beginning.sampling.max_tokens = 400;
  const Result expected = alone(beginning).front().result;
  EXPECT_TRUE((expected.thinking + expected.answer).starts_with(text));
  slow.cancel();
}

TEST_F(ModelLoopTest, WhoOnlyWantsTheResultNeedNotRead) {
  EngineOptions options = one_thread();
  options.max_unread_deltas = 1;
  ModelLoop loop(model_, options);
  const Request request = text_request("What is the sum of the digits?");
  expect_same(submit(loop, request)->take_generations(), alone(request));
}

TEST_F(ModelLoopTest, NewsAreTold) {
  ModelLoop loop(model_, one_thread());
  std::atomic<int> news = 0;
  const Request request = text_request("What is the sum of the digits?");
  const auto stream =
      loop.submit(prepare_request(model_, request), WhenFull::kRefuse, {.on_news = [&] {
                    ++news;
                    news.notify_all();
                  }});
  std::string text;
  for (int seen = 0; !stream->finished(); seen = news.load()) {
    while (const auto delta = stream->try_next()) text += delta->text;
    if (!stream->finished()) news.wait(seen);
  }
  while (const auto delta = stream->try_next()) text += delta->text;
  const Result expected = alone(request).front().result;
  EXPECT_EQ(text, expected.thinking + expected.answer);
}

TEST_F(ModelLoopTest, NewsThatThrowCancelTheRequestAlone) {
  ModelLoop loop(model_, one_thread());
  const auto stream =
      loop.submit(prepare_request(model_, long_request()), WhenFull::kRefuse,
                  {.on_news = [] { throw std::runtime_error("the socket is gone"); }});
  while (stream->next()) {
  }
  EXPECT_EQ(stream->take_generations().front().result.finish, FinishReason::kCancelled);
  expect_same(answer(loop, text_request("x")), alone(text_request("x")));
}

TEST_F(ModelLoopTest, TooManyWaitingAreRefused) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 1;
  options.max_queued_requests = 2;
  Gate gate;
  hooks_->in_decoder([&] { gate.pass(); });
  ModelLoop loop(model_, options);
  const auto live = submit(loop, text_request("x"));
  gate.wait_until_reached();
  const auto second = submit(loop, text_request("x"));
  const auto third = submit(loop, text_request("x"));
  try {
    submit(loop, text_request("x"));
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::kBusy));
    EXPECT_STREQ(error.what(), "2 requests are waiting already, and no more may (the limit is 2)");
  }
  // Who can wait gets a place once there is one.
  auto patient = std::async(std::launch::async, [&] {
    return submit(loop, text_request("x"), WhenFull::kWait)->take_generations();
  });
  gate.open();
  const std::vector<Generation> answers = patient.get();
  hooks_->in_decoder({});
  expect_same(answers, alone(text_request("x")));
  expect_same(third->take_generations(), answers);
}

TEST_F(ModelLoopTest, AThreadThatThrowsFailsItsRequestsAndTheLoopGoesOn) {
  ModelLoop loop(model_, one_thread());
  Gate gate;
  hooks_->in_decoder([&] {
    gate.pass();
    throw std::runtime_error("a worker is broken");
  });
  const auto first = submit(loop, text_request("x"));
  gate.wait_until_reached();
  gate.open();
  EXPECT_EQ(failure_of(*first), "a worker is broken");
  hooks_->in_decoder({});
  EXPECT_EQ(loop.counters().pages_in_use, loop.counters().pages_cached);
  expect_same(answer(loop, text_request("x")), alone(text_request("x")));
}

TEST_F(ModelLoopTest, AnEncoderThatThrowsFailsItsOwnRequest) {
  ModelLoop loop(model_, one_thread());
  hooks_->in_encoder([] { throw Error(ErrorCode::kInvalidModel, "the encoder is broken"); });
  const auto text = submit(loop, text_request("x"));
  const auto sound = submit(loop, sound_request("Which digits are spoken?", 1.0, 1));
  EXPECT_EQ(failure_of(*sound), "the encoder is broken");
  EXPECT_THROW(AnswerStream(sound).next(), Error);
  hooks_->in_encoder({});
  expect_same(text->take_generations(), alone(text_request("x")));
  expect_same(answer(loop, sound_request("Which digits are spoken?", 1.0, 1)),
              alone(sound_request("Which digits are spoken?", 1.0, 1)));
}

TEST_F(ModelLoopTest, ItEndsWithRequestsOfEveryKind) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 2;
  options.max_unread_deltas = 2;
  std::vector<AnswerStream> streams;
  {
    ModelLoop loop(model_, options);
    for (int i = 0; i < 5; ++i) streams.emplace_back(submit(loop, long_request()));
    ASSERT_TRUE(streams.front().next());
  }
  while (streams.front().next()) {
  }
  for (AnswerStream& stream : streams) {
    EXPECT_TRUE(stream.finished());
    EXPECT_EQ(stream.result().finish, FinishReason::kCancelled);
    stream.cancel();
  }
}

TEST_F(ModelLoopTest, ManyThreadsAskCancelAndLeave) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 6;
  options.max_unread_deltas = 3;
  options.max_queued_requests = 4;
  const Request request = sound_request("Which digits are spoken?", 0.6, 1);
  const std::vector<Generation> expected = alone(request);
  ModelLoop loop(model_, options);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 12; ++i) {
        const auto stream = submit(loop, request, WhenFull::kWait);
        switch ((t + i) % 4) {
          case 0:
            expect_same(stream->take_generations(), expected);
            break;
          case 1:
            stream->cancel();
            stream->take_generations();
            break;
          case 2:
            stream->next();
            loop.cancel(stream->id());
            break;
          default: {
            AnswerStream reader(stream);
            std::string text;
            while (const auto delta = reader.next()) text += delta->text;
            EXPECT_EQ(text, expected[0].result.thinking + expected[0].result.answer);
          }
        }
        EXPECT_LE(loop.counters().live_sequences, 6);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace stapes
