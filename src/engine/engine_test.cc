// The public door: what it refuses, and with which words.
#include "stapes/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "engine/loaded_model.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct Refusal {
  ErrorCode code{};
  std::string message = "nothing was refused";
};

template <typename Action>
Refusal refusal_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

void expect_refusal(const Refusal& refusal, ErrorCode code,
                    const ::testing::Matcher<const std::string&>& message) {
  EXPECT_EQ(static_cast<int>(refusal.code), static_cast<int>(code)) << refusal.message;
  EXPECT_THAT(refusal.message, message);
}

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::write_random_model(folder_->path());
    engine_ = new Engine(open());
  }
  static void TearDownTestSuite() {
    delete engine_;
    delete folder_;
  }
  static Engine open(int64_t max_context_tokens = 0, int64_t max_kv_tokens = 0) {
    EngineOptions options;
    options.threads = 1;
    options.max_context_tokens = max_context_tokens;
    options.max_kv_tokens = max_kv_tokens;
    return Engine::open(folder_->path(), options);
  }
  static Request question_about(const AudioClip& clip) {
    Request request;
    request.messages = {
        {"user", {ContentPart::of_audio(0), ContentPart::of_text("Which digits are spoken?")}}};
    request.clips = {clip};
    request.sampling.max_tokens = 8;
    return request;
  }
  static AudioClip silence(size_t samples) { return {std::vector<float>(samples, 0.0F)}; }
  static Refusal refused(const Request& request) {
    return refusal_of([&] { engine_->generate(request); });
  }
  static testing::TemporaryFolder* folder_;
  static Engine* engine_;
};
testing::TemporaryFolder* EngineTest::folder_ = nullptr;
Engine* EngineTest::engine_ = nullptr;

TEST_F(EngineTest, AnswersAndStreams) {
  std::string streamed;
  Request request = question_about(silence(kSampleRateHz));
  request.sampling.think_budget = 0;
  const Result result = engine_->generate(request, [&](const Delta& delta) {
    EXPECT_FALSE(delta.thinking);
    streamed += delta.text;
    return true;
  });
  EXPECT_EQ(result.answer, streamed);
  EXPECT_EQ(result.usage.audio_tokens, 13);
  EXPECT_GT(result.timing.encode_ms, 0);
  EXPECT_GT(result.timing.prefill_ms, 0);
  EXPECT_GE(result.timing.first_token_ms, result.timing.prefill_ms);
  EXPECT_GE(result.timing.total_ms, result.timing.first_token_ms);
  EXPECT_GT(engine_->load_ms(), 0);
}

TEST_F(EngineTest, SilenceIsSound) {
  EXPECT_GT(engine_->generate(question_about(silence(16000))).usage.prompt_tokens, 13);
}

TEST_F(EngineTest, ClipsThatCannotBeUsed) {
  expect_refusal(refused(question_about({})), ErrorCode::kInvalidAudio,
                 HasSubstr("audio clip 1 is empty"));
  AudioClip broken = silence(16000);
  broken.samples[77] = NAN;
  expect_refusal(refused(question_about(broken)), ErrorCode::kInvalidAudio,
                 AllOf(HasSubstr("sample 77"), HasSubstr("nan")));
  broken.samples[77] = -INFINITY;
  expect_refusal(refused(question_about(broken)), ErrorCode::kInvalidAudio, HasSubstr("-inf"));
  expect_refusal(refused(question_about(silence(100))), ErrorCode::kInvalidAudio,
                 HasSubstr("too short"));
}

TEST_F(EngineTest, TheLongestClipIs2998) {
  // 3000 mel frames: (479680 + 479) / 160 = 3000.99; one sample more is frame 3001.
  EXPECT_EQ(engine_->generate(question_about(silence(479680))).usage.audio_tokens, 375);
  expect_refusal(refused(question_about(silence(479681))), ErrorCode::kTooLarge,
                 AllOf(HasSubstr("3001 mel frames"), HasSubstr("29.98 s")));
}

TEST_F(EngineTest, MessagesThatMakeNoSense) {
  expect_refusal(refused({}), ErrorCode::kUsage, HasSubstr("at least one message"));
  Request request;
  request.messages = {{"user", {ContentPart::of_text("")}}};
  expect_refusal(refused(request), ErrorCode::kInvalidText, HasSubstr("all messages are empty"));
  request.messages = {{"user", {ContentPart::of_audio(0)}}};
  expect_refusal(refused(request), ErrorCode::kUsage,
                 HasSubstr("points to audio clip 1, but the request has 0"));
  request = question_about(silence(16000));
  request.clips.push_back(silence(16000));
  expect_refusal(refused(request), ErrorCode::kUsage, HasSubstr("audio clip 2 is in the request"));
  request = question_about(silence(16000));
  request.messages[0].parts[1].text = "caf\xe9";
  expect_refusal(refused(request), ErrorCode::kInvalidText, HasSubstr("UTF-8"));
  request = question_about(silence(16000));
  request.sampling.top_p = 0;
  expect_refusal(refused(request), ErrorCode::kUsage, HasSubstr("top_p"));
}

TEST_F(EngineTest, APromptLongerThanTheContext) {
  const Request request = question_about(silence(16000));
  const int64_t prompt = engine_->generate(request).usage.prompt_tokens;
  const Engine exact = open(prompt + 1);
  EXPECT_EQ(exact.generate(request).usage.thinking_tokens, 1);
  const Engine narrow = open(prompt);
  expect_refusal(refusal_of([&] { narrow.generate(request); }), ErrorCode::kTooLarge,
                 HasSubstr("the prompt has " + std::to_string(prompt) +
                           " tokens, but the context holds " + std::to_string(prompt)));
}

TEST_F(EngineTest, ARequestLargerThanTheKeyValueMemory) {
  const Request request = question_about(silence(16000));
  const Engine narrow = open(0, 40);
  expect_refusal(refusal_of([&] { narrow.generate(request); }), ErrorCode::kTooLarge,
                 HasSubstr("the key/value memory holds 40"));
}

TEST_F(EngineTest, StreamsAndCounts) {
  const Engine engine = open();
  Request request = question_about(silence(16000));
  request.samples = 2;
  AnswerStream stream = engine.submit(request);
  std::string streamed;
  while (const auto delta = stream.next())
    if (delta->sample == 1) streamed += delta->text;
  EXPECT_TRUE(stream.finished());
  const std::vector<Result> results = stream.results();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(streamed, results[1].thinking + results[1].answer);
  EXPECT_EQ(stream.result().thinking, results[0].thinking);
  EXPECT_FALSE(engine.cancel(stream.id()));
  const EngineCounters counters = engine.counters();
  EXPECT_EQ(counters.prompt_tokens_computed, results[0].usage.prompt_tokens);
  EXPECT_EQ(counters.encoder_runs, 1);
  EXPECT_GT(counters.steps, 1);
  EXPECT_EQ(counters.live_sequences, 0);
  EXPECT_EQ(counters.queued_requests, 0);
  EXPECT_EQ(counters.page_limit, 65536 / 16);
}

TEST_F(EngineTest, AStreamOutlivesItsEngine) {
  std::optional<AnswerStream> stream;
  {
    const Engine engine = open();
    Request request = question_about(silence(16000));
    request.sampling.max_tokens = 1000;
    request.sampling.think_budget = 990;
    stream.emplace(engine.submit(request));
  }
  EXPECT_TRUE(stream->finished());
  while (stream->next()) {
  }
  stream->cancel();
  EXPECT_NO_THROW(stream->result());
}

TEST_F(EngineTest, SamplesOutOfRange) {
  Request request = question_about(silence(16000));
  for (const int samples : {0, 257}) {
    request.samples = samples;
    expect_refusal(refusal_of([&] { engine_->submit(request); }), ErrorCode::kUsage,
                   HasSubstr("1 to 256 samples, got " + std::to_string(samples)));
  }
  request.samples = 2;
  expect_refusal(refused(request), ErrorCode::kUsage, HasSubstr("1 sample"));
  const Engine narrow = open(0, 100);
  request.samples = 20;
  expect_refusal(refusal_of([&] { narrow.submit(request); }), ErrorCode::kTooLarge,
                 AllOf(HasSubstr("20 samples"), HasSubstr("memory holds 100")));
}

TEST_F(EngineTest, EngineOptionsThatMakeNoSense) {
  const auto refused_with = [](auto change) {
    EngineOptions options;
    change(options);
    return refusal_of([&] { Engine::open(folder_->path(), options); });
  };
  expect_refusal(refused_with([](EngineOptions& o) { o.max_queued_requests = 0; }),
                 ErrorCode::kUsage, HasSubstr("max_queued_requests must be 1 or more, got 0"));
  expect_refusal(refused_with([](EngineOptions& o) { o.max_live_sequences = 0; }),
                 ErrorCode::kUsage, HasSubstr("max_live_sequences"));
  expect_refusal(refused_with([](EngineOptions& o) { o.max_unread_deltas = -3; }),
                 ErrorCode::kUsage, HasSubstr("max_unread_deltas"));
  expect_refusal(refused_with([](EngineOptions& o) { o.clip_cache_bytes = -1; }), ErrorCode::kUsage,
                 HasSubstr("clip_cache_bytes must be 0 or more"));
  expect_refusal(refused_with([](EngineOptions& o) { o.max_kv_tokens = int64_t{1} << 50; }),
                 ErrorCode::kTooLarge, HasSubstr("of key/value memory"));
}

TEST_F(EngineTest, OptionsBeyondTheModel) {
  expect_refusal(refusal_of([] { open(1 << 20); }), ErrorCode::kUsage,
                 AllOf(HasSubstr("2048"), HasSubstr("1048576")));
  expect_refusal(refusal_of([] { open(-1); }), ErrorCode::kUsage, HasSubstr("-1"));
  expect_refusal(refusal_of([] { open(0, -1); }), ErrorCode::kUsage, HasSubstr("-1"));
}

class ModelFolderTest : public ::testing::Test {
 protected:
  ModelFolderTest() { testing::write_random_model(folder_.path()); }
  Refusal refused() const {
    return refusal_of([&] { Engine::open(folder_.path()); });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(ModelFolderTest, MissingFiles) {
  expect_refusal(refusal_of([] { Engine::open("/no/such/model"); }), ErrorCode::kNotFound,
                 HasSubstr("/no/such/model"));
  for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const fs::path path = folder_.path() / file;
    fs::rename(path, path.string() + ".away");
    expect_refusal(refused(), ErrorCode::kNotFound, HasSubstr(file));
    fs::rename(path.string() + ".away", path);
  }
}

TEST_F(ModelFolderTest, ATokenizerLargerThanTheVocabulary) {
  ModelConfig config = testing::tiny_test_config();
  config.decoder.vocabulary = 300;
  testing::write_random_model(folder_.path(), config);
  const size_t tokens = Tokenizer::load(folder_.path() / "tokenizer.json").size();
  expect_refusal(refused(), ErrorCode::kInvalidModel,
                 AllOf(HasSubstr("wrong vocabulary size"),
                       HasSubstr("has " + std::to_string(tokens) + " tokens"),
                       HasSubstr("vocab_size is 300")));
}

TEST_F(ModelFolderTest, ModelsOfNothingButNaN) {
  const ModelConfig config = testing::tiny_test_config();
  std::vector<Tensor> weights;
  std::vector<NamedTensor> named;
  for (const TensorSpec& spec : tensor_table(config)) {
    weights.emplace_back(spec.shape);
    std::ranges::fill(weights.back().values(), NAN);
    named.push_back({spec.name, weights.back().view()});
  }
  write_safetensors(folder_.path() / "model.safetensors", named, DType::kF32);
  const Engine engine = Engine::open(folder_.path());
  Request request;
  request.messages = {{"user", {ContentPart::of_text("Which digits are spoken?")}}};
  expect_refusal(refusal_of([&] { engine.generate(request); }), ErrorCode::kInvalidModel,
                 HasSubstr("weights are damaged"));
}

TEST_F(ModelFolderTest, GenerationConfigIsOptional) {
  EXPECT_EQ(Engine::open(folder_.path()).default_sampling().temperature, 0.7);
  write_file_atomically(folder_.path() / "generation_config.json",
                        R"({"temperature": 0.5, "top_p": 0.9, "top_k": 40,
                            "repetition_penalty": 1.05, "eos_token_id": [1, 2], "bos_token_id": 3})");
  const Engine engine = Engine::open(folder_.path());
  EXPECT_EQ(engine.default_sampling().temperature, 0.5);
  EXPECT_EQ(engine.default_sampling().top_p, 0.9);
  EXPECT_EQ(engine.default_sampling().top_k, 40);
  EXPECT_EQ(engine.default_sampling().repetition_penalty, 1.05);
}

TEST(GenerationConfig, ReadsWhatItUnderstands) {
  EXPECT_EQ(parse_generation_config(R"({"do_sample": false})", "g").sampling.temperature, 0);
  EXPECT_EQ(parse_generation_config(R"({"do_sample": true})", "g").sampling.temperature, 0.7);
  EXPECT_EQ(parse_generation_config(R"({"eos_token_id": 5})", "g").eos_token_ids,
            std::vector<TokenId>{5});
  EXPECT_EQ(parse_generation_config(R"({"top_k": null})", "g").sampling.top_k, 0);
}

TEST(GenerationConfig, RefusesNonsenseByField) {
  const auto refused = [](const char* json) {
    return refusal_of([&] { parse_generation_config(json, "generation_config.json"); });
  };
  const auto expect = [&](const char* json, const char* message) {
    expect_refusal(refused(json), ErrorCode::kInvalidModel,
                   AllOf(HasSubstr("generation_config.json"), HasSubstr(message)));
  };
  expect("[1", "JSON object");
  expect("[]", "JSON object");
  expect(R"({"temperature": "hot"})", "\"temperature\"");
  expect(R"({"temperature": -1})", "temperature must be 0 or more");
  expect(R"({"top_k": 1.5})", "an integer");
  expect(R"({"top_k": 99999999999})", "out of range");
  expect(R"({"do_sample": 1})", "true or false");
  expect(R"({"eos_token_id": "end"})", "token ids");
  expect(R"({"eos_token_id": [1, -2]})", "token ids");
}

}  // namespace
}  // namespace stapes
