// The batch loop over a real (tiny, random) model.
#include "engine/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "engine/kv_page_pool.h"
#include "engine/loaded_model.h"
#include "engine/prepared_request.h"
#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"

namespace stapes {
namespace {

using testing::noise;
using testing::one_thread;
using testing::sound_request;
using testing::text_request;

// Requests that differ in everything that could leak from one to another.
std::vector<Request> mixed_requests() {
  std::vector<Request> requests = {
      text_request("What is the sum of the digits?"),
      sound_request("Which digits are spoken?", 1.3, 1),
      sound_request("Which digits are spoken?", 2.1, 2),
      text_request("x"),
      sound_request("How many notes are there?", 0.7, 3),
  };
  requests[1].sampling.temperature = 0.9;
  requests[1].sampling.seed = 5;
  requests[2].sampling.temperature = 1.2;
  requests[2].sampling.top_p = 0.9;
  requests[2].sampling.repetition_penalty = 1.3;
  requests[2].sampling.max_tokens = 60;
  requests[3].sampling.think_budget = 0;
  requests[4].sampling.think_budget = 7;
  requests[4].sampling.top_k = 20;
  requests[4].sampling.temperature = 0.7;
  return requests;
}

class GeneratorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::write_random_model(folder_->path());
    generator_ = new Generator(Generator::open(folder_->path(), one_thread()));
  }
  static void TearDownTestSuite() {
    delete generator_;
    delete folder_;
  }
  static Generation alone(const Request& request) {
    return std::move(generator_->generate_batch({&request, 1}).front());
  }
  static testing::TemporaryFolder* folder_;
  static Generator* generator_;
};
testing::TemporaryFolder* GeneratorTest::folder_ = nullptr;
Generator* GeneratorTest::generator_ = nullptr;

void expect_same(const Generation& a, const Generation& b) {
  EXPECT_EQ(a.prompt_ids, b.prompt_ids);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.result.thinking, b.result.thinking);
  EXPECT_EQ(a.result.answer, b.result.answer);
  EXPECT_EQ(a.result.finish, b.result.finish);
}

TEST_F(GeneratorTest, ABatchGivesWhatEachGivesAlone) {
  const std::vector<Request> requests = mixed_requests();
  const std::vector<Generation> together = generator_->generate_batch(requests);
  ASSERT_EQ(together.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_FALSE(together[i].ids.empty());
    expect_same(together[i], alone(requests[i]));
  }
}

TEST_F(GeneratorTest, RequestsWaitWhereTheMemoryIsFull) {
  const std::vector<Request> requests = mixed_requests();
  const std::vector<Generation> together = generator_->generate_batch(requests);
  EngineOptions options = one_thread();
  for (const Generation& generation : together)  // no more than the longest one needs
    options.max_kv_tokens =
        std::max(options.max_kv_tokens, static_cast<int64_t>(generation.prompt_ids.size()) + 60);
  const Generator narrow = Generator::open(folder_->path(), options);
  const std::vector<Generation> waiting = narrow.generate_batch(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(waiting[i], together[i]);
  }
}

// More sequences than live together, and more rows to read than one step takes.
TEST_F(GeneratorTest, ManyRequestsShareTheSteps) {
  std::vector<Request> requests;
  for (uint64_t i = 0; i < 40; ++i) {
    requests.push_back(sound_request("Which digits are spoken?", 1.0, i % 3));
    requests.back().sampling.temperature = 1;
    requests.back().sampling.seed = i;
    requests.back().sampling.max_tokens = 1 + static_cast<int>(i % 5);
  }
  const std::vector<Generation> together = generator_->generate_batch(requests);
  EXPECT_GT(together.front().prompt_ids.size() * 32, 512U);
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(together[i], alone(requests[i]));
  }
}

TEST_F(GeneratorTest, NoRequestsNoAnswers) {
  EXPECT_TRUE(generator_->generate_batch({}).empty());
}

TEST_F(GeneratorTest, ASinkThatSaysStopCancels) {
  int calls = 0;
  const Result result = generator_->generate(text_request("What is the sum of the digits?"),
                                             [&](const Delta&) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(result.finish, FinishReason::kCancelled);
}

TEST_F(GeneratorTest, ASinkThatThrowsLeavesTheGeneratorUsable) {
  const Request request = text_request("What is the sum of the digits?");
  const Generation before = alone(request);
  EXPECT_THROW(
      generator_->generate(
          request, [](const Delta&) -> bool { throw std::runtime_error("the socket is gone"); }),
      std::runtime_error);
  expect_same(alone(request), before);
}

TEST_F(GeneratorTest, TheSeedDecides) {
  Request request = text_request("What is the sum of the digits?");
  request.sampling.temperature = 1;
  request.sampling.seed = 1;
  const Generation first = alone(request);
  expect_same(alone(request), first);
  request.sampling.seed = 2;
  EXPECT_NE(alone(request).ids, first.ids);
}

TEST_F(GeneratorTest, CallsFromManyThreadsAreAnsweredAsIfAlone) {
  const std::vector<Request> requests = mixed_requests();
  std::vector<Generation> answers(requests.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < requests.size(); ++i)
      threads.emplace_back([&, i] { answers[i] = alone(requests[i]); });
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(answers[i], alone(requests[i]));
  }
}

// The slow obvious twin of the loop: no cache, no batch, no steps. For every token the whole
// sequence is read again from nothing, audio rows placed by hand, and the best logit wins.
std::vector<TokenId> greedy_from_scratch(const LoadedModel& loaded, const Request& request) {
  const PreparedRequest prepared = prepare_request(loaded, request);
  std::vector<int64_t> ids(prepared.prompt.ids.begin(), prepared.prompt.ids.end());
  std::vector<TokenId> generated;
  const Decoder& decoder = loaded.model.decoder();
  KvLayout layout = KvLayout::of(decoder.config(), 64);
  layout.dtype = loaded.kv_layout.dtype;
  for (int i = 0; i < request.sampling.max_tokens; ++i) {
    Tensor x = decoder.embed(ids);
    for (const AudioSpan& span : prepared.prompt.audio_spans) {
      const Tensor rows = loaded.model.audio_rows(mel_of(loaded, request.clips[span.audio_index]),
                                                  loaded.audio_rule);
      for (size_t row = 0; row < span.count; ++row)
        std::ranges::copy(rows.row(static_cast<int64_t>(row)),
                          x.row(static_cast<int64_t>(span.begin + row)).begin());
    }
    KvPagePool pool(*loaded.ops, layout, 100);
    KvPageList pages(pool);
    pages.prepare_write(0, static_cast<int64_t>(ids.size()));
    const DecoderStep step{.kv = pages.view(),
                           .start_position = 0,
                           .rows = static_cast<int64_t>(ids.size()),
                           .logits = LogitRows::kLast};
    const Tensor logits = decoder.forward(x, {&step, 1});
    const auto row = logits.row(0).first(loaded.tokenizer.size());
    const auto best = static_cast<TokenId>(std::ranges::max_element(row) - row.begin());
    generated.push_back(best);
    if (std::ranges::count(loaded.stop_token_ids, best) > 0) break;
    ids.push_back(best);
  }
  return generated;
}

TEST_F(GeneratorTest, StepsOverPagesEqualReadingEverythingAgain) {
  const LoadedModel loaded = load_model(folder_->path(), one_thread());
  for (const Request& request : {text_request("What is the sum of the digits?"),
                                 sound_request("Which digits are spoken?", 1.9, 4)}) {
    const Generation generation = alone(request);
    EXPECT_GT(generation.ids.size(), 3U);
    EXPECT_EQ(generation.ids, greedy_from_scratch(loaded, request));
  }
}

TEST_F(GeneratorTest, LongPromptsAreReadInSeveralSteps) {
  const LoadedModel loaded = load_model(folder_->path(), one_thread());
  std::string question;
  for (int i = 0; i < 400; ++i) question += "qzj" + std::to_string(i) + " ";
  Request request = sound_request(question.substr(0, 700), 3.0, 5);
  request.sampling.max_tokens = 6;
  const Generation generation = alone(request);
  ASSERT_GT(generation.prompt_ids.size(), 512U);
  EXPECT_EQ(generation.ids, greedy_from_scratch(loaded, request));
}

TEST_F(GeneratorTest, TwoClipsStandWhereTheMessageSays) {
  Request request = text_request("");
  request.messages = {{"user",
                       {ContentPart::of_text("first"), ContentPart::of_audio(1),
                        ContentPart::of_text("second"), ContentPart::of_audio(0)}}};
  request.clips = {noise(1.0, 6), noise(2.0, 7)};
  const Generation generation = alone(request);
  const LoadedModel loaded = load_model(folder_->path(), one_thread());
  EXPECT_EQ(generation.ids, greedy_from_scratch(loaded, request));
  // Reference A6, the rule of the release's own code: 1 s is 13 tokens, 2 s is 25.
  EXPECT_EQ(generation.result.audio_tokens_per_clip, (std::vector<int64_t>{13, 25}));
  EXPECT_EQ(generation.result.usage.audio_tokens, 38);
}

TEST_F(GeneratorTest, SeveralTurns) {
  Request request = sound_request("Which digits are spoken?", 1.0, 8);
  request.messages.push_back({"assistant", {ContentPart::of_text("<think>\nhm\n</think>\n3 7")}});
  request.messages.push_back({"user", {ContentPart::of_text("And their sum?")}});
  const Generation generation = alone(request);
  const LoadedModel loaded = load_model(folder_->path(), one_thread());
  EXPECT_EQ(generation.ids, greedy_from_scratch(loaded, request));
  const std::string prompt = loaded.tokenizer.decode(generation.prompt_ids);
  EXPECT_EQ(prompt.find("hm"), std::string::npos);
  EXPECT_TRUE(prompt.ends_with(
      "<|BOT|>assistant\n3 7<|EOT|><|BOT|>human\nAnd their sum?<|EOT|><|BOT|>assistant\n<think>\n"))
      << prompt;
}

TEST_F(GeneratorTest, TheTraceIsWhatGenerationSees) {
  const Request request = sound_request("Which digits are spoken?", 1.0, 9);
  const Trace trace = generator_->trace(request);
  ASSERT_EQ(trace.clips.size(), 1U);
  // 1 s: (16000 + 479) / 160 = 102 mel frames, 51 positions, 25 frames, 13 tokens.
  EXPECT_EQ(trace.clips[0].mel.shape(), (Shape{102, 40}));
  EXPECT_EQ(trace.clips[0].encoder.shape(), (Shape{25, 32}));
  EXPECT_EQ(trace.clips[0].adaptor.shape(), (Shape{13, 48}));
  const Generation generation = alone(request);
  EXPECT_EQ(trace.prompt_ids,
            std::vector<int64_t>(generation.prompt_ids.begin(), generation.prompt_ids.end()));
  ASSERT_EQ(trace.logits.size(), 640U);
  const LoadedModel loaded = load_model(folder_->path(), one_thread());
  const auto end = trace.logits.begin() + static_cast<ptrdiff_t>(loaded.tokenizer.size());
  EXPECT_EQ(std::max_element(trace.logits.begin(), end) - trace.logits.begin(),
            generation.ids.front());
}

TEST_F(GeneratorTest, TraceFilesAreNumberedFromTheSecondClip) {
  Request request = sound_request("both", 1.0, 9);
  request.clips.push_back(noise(0.5, 10));
  request.messages.front().parts.push_back(ContentPart::of_audio(1));
  const testing::TemporaryFolder out;
  write_trace(generator_->trace(request), out.path() / "trace");
  for (const char* file : {"mel.npy", "encoder.npy", "adaptor.npy", "mel.1.npy", "encoder.1.npy",
                           "adaptor.1.npy", "prompt_ids.npy", "logits.npy"})
    EXPECT_TRUE(std::filesystem::exists(out.path() / "trace" / file)) << file;
  EXPECT_FALSE(std::filesystem::exists(out.path() / "trace" / "mel.2.npy"));
}

}  // namespace
}  // namespace stapes
