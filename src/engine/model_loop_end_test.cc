// How requests end that are cancelled, refused, not read or hit by a fault, and how the loop does.
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <thread>

#include "engine/model_loop.h"
#include "engine/testing/model_loop_fixture.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using testing::expect_same;
using testing::failure_of;
using testing::Gate;
using testing::one_thread;
using testing::sound_request;
using testing::text_request;

using ModelLoopEndTest = testing::ModelLoopTest;

TEST_F(ModelLoopEndTest, CancelledWhileItGenerates) {
  ModelLoop loop(model_, one_thread());
  AnswerStream stream(submit(loop, long_request()));
  ASSERT_TRUE(stream.next());
  EXPECT_TRUE(loop.cancel(stream.id()));
  EXPECT_EQ(stream.result().finish, FinishReason::kCancelled);
  EXPECT_FALSE(loop.cancel(stream.id()));
  EXPECT_FALSE(loop.cancel(12345));
  EXPECT_EQ(loop.counters().live_sequences, 0);
}

TEST_F(ModelLoopEndTest, CancelledWhileItWaitsOrReads) {
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

TEST_F(ModelLoopEndTest, AStreamThatGoesAwayCancels) {
  EngineOptions options = one_thread();
  options.max_live_sequences = 1;
  ModelLoop loop(model_, options);
  { const AnswerStream forgotten(submit(loop, long_request())); }
  expect_same(answer(loop, text_request("x")), alone(text_request("x")));
}

TEST_F(ModelLoopEndTest, ASlowReaderHoldsUpNobodyElse) {
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

TEST_F(ModelLoopEndTest, WhoOnlyWantsTheResultNeedNotRead) {
  EngineOptions options = one_thread();
  options.max_unread_deltas = 1;
  ModelLoop loop(model_, options);
  const Request request = text_request("What is the sum of the digits?");
  expect_same(submit(loop, request)->take_generations(), alone(request));
}

TEST_F(ModelLoopEndTest, NewsAreTold) {
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

TEST_F(ModelLoopEndTest, NewsThatThrowCancelTheRequestAlone) {
  ModelLoop loop(model_, one_thread());
  const auto stream =
      loop.submit(prepare_request(model_, long_request()), WhenFull::kRefuse,
                  {.on_news = [] { throw std::runtime_error("the socket is gone"); }});
  while (stream->next()) {
  }
  EXPECT_EQ(stream->take_generations().front().result.finish, FinishReason::kCancelled);
  expect_same(answer(loop, text_request("x")), alone(text_request("x")));
}

TEST_F(ModelLoopEndTest, TooManyWaitingAreRefused) {
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

TEST_F(ModelLoopEndTest, AThreadThatThrowsFailsItsRequestsAndTheLoopGoesOn) {
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

TEST_F(ModelLoopEndTest, AnEncoderThatThrowsFailsItsOwnRequest) {
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

TEST_F(ModelLoopEndTest, ItEndsWithRequestsOfEveryKind) {
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

TEST_F(ModelLoopEndTest, ManyThreadsAskCancelAndLeave) {
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
