// Requests that are not a plain question: continued turns, raw prompts, log probabilities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "engine/generator.h"
#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;
using testing::text_request;

class RequestShapesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::write_random_model(folder_->path());
    EngineOptions options = testing::one_thread();
    options.kv_dtype = KvPrecision::kF32;
    generator_ = new Generator(Generator::open(folder_->path(), options));
    engine_ = new Engine(Engine::open(folder_->path(), options));
  }
  static void TearDownTestSuite() {
    delete engine_;
    delete generator_;
    delete folder_;
  }

  static Generation generation_of(const Request& request) {
    return generator_->generate_batch({&request, 1}).front();
  }
  static std::string prompt_text(const Request& request) {
    return engine_->detokenize(engine_->prompt_ids(request));
  }
  static Request raw_request(std::vector<int64_t> ids) {
    Request request = text_request("");
    request.messages.clear();
    request.raw_prompt = {.text = {}, .ids = std::move(ids)};
    request.split_thinking = false;
    return request;
  }

  static testing::TemporaryFolder* folder_;
  static Generator* generator_;
  static Engine* engine_;
};
testing::TemporaryFolder* RequestShapesTest::folder_ = nullptr;
Generator* RequestShapesTest::generator_ = nullptr;
Engine* RequestShapesTest::engine_ = nullptr;

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

// The slow obvious twin: for every generated token one forward pass over all before it, and the
// textbook's softmax.
TEST_F(RequestShapesTest, LogprobsAreTheModelsOwn) {
  Request request = text_request("How many digits?");
  request.sampling.logprobs = 3;
  request.sampling.temperature = 1.3;
  request.sampling.top_k = 5;
  request.sampling.repetition_penalty = 1.2;
  request.sampling.frequency_penalty = 0.7;
  request.sampling.seed = 11;
  request.sampling.speculate_tokens = 4;
  const Generation generation = generation_of(request);
  ASSERT_GT(generation.result.tokens.size(), 10U);
  std::vector<int64_t> ids(generation.prompt_ids.begin(), generation.prompt_ids.end());
  const size_t vocabulary = generator_->model().tokenizer.size();
  for (const GeneratedToken& token : generation.result.tokens) {
    const Trace trace = generator_->trace(raw_request(ids));
    double sum = 0;
    double highest = -INFINITY;
    for (size_t id = 0; id < vocabulary; ++id) {
      sum += std::exp(double{trace.logits[id]});
      highest = std::max(highest, double{trace.logits[id]});
    }
    const auto logit = double{trace.logits[static_cast<size_t>(token.chosen.id)]};
    EXPECT_NEAR(token.chosen.logprob, logit - std::log(sum), 1e-3);
    ASSERT_EQ(token.top.size(), 3U);
    EXPECT_NEAR(token.top.front().logprob, highest - std::log(sum), 1e-3);
    ids.push_back(token.chosen.id);
  }
}

TEST_F(RequestShapesTest, LogprobsDoNotChangeTheAnswer) {
  Request request = text_request("What is the sum?");
  request.sampling.temperature = 0.8;
  const Generation without = generation_of(request);
  request.sampling.logprobs = 20;
  EXPECT_EQ(generation_of(request).ids, without.ids);
}

TEST_F(RequestShapesTest, APenaltyKeepsAGreedyAnswerFromRepeating) {
  Request request = text_request("What is the sum?");
  request.sampling.max_tokens = 40;
  request.sampling.frequency_penalty = 2;
  request.sampling.presence_penalty = 2;
  const std::vector<TokenId> with = generation_of(request).ids;
  request.sampling.frequency_penalty = 0;
  request.sampling.presence_penalty = 0;
  const std::vector<TokenId> without = generation_of(request).ids;
  const auto distinct = [](const std::vector<TokenId>& ids) {
    return std::set<TokenId>(ids.begin(), ids.end()).size();
  };
  EXPECT_NE(with, without);
  EXPECT_GE(distinct(with) * without.size(), distinct(without) * with.size());
}

// Greedy, so what was generated at first and what is continued from its middle are one text.
TEST_F(RequestShapesTest, ContinuingFromIdsGivesTheRest) {
  Request request = text_request("What is the sum?");
  request.sampling.max_tokens = 20;
  const Generation whole = generation_of(request);
  ASSERT_GE(whole.ids.size(), 12U);
  std::vector<int64_t> ids(whole.prompt_ids.begin(), whole.prompt_ids.end());
  ids.insert(ids.end(), whole.ids.begin(), whole.ids.begin() + 8);
  Request rest = raw_request(ids);
  rest.sampling.max_tokens = 12;
  const Generation continued = generation_of(rest);
  EXPECT_EQ(continued.ids, std::vector<TokenId>(whole.ids.begin() + 8, whole.ids.end()));
}

TEST_F(RequestShapesTest, TheLastTurnIsContinuedOrClosed) {
  Request request = text_request("What is the sum?");
  request.messages.push_back({"assistant", {ContentPart::of_text("<think>\nFirst 3")}});
  EXPECT_EQ(prompt_text(request),
            "<|BOT|>human\nWhat is the sum?<|EOT|><|BOT|>assistant\n<think>\nFirst 3");
  const Result thinking = generator_->generate(request, {});
  EXPECT_GT(thinking.usage.thinking_tokens, 0);

  request.messages.back().parts = {ContentPart::of_text("<think>\nFirst 3\n</think>\nSo ")};
  const Result answering = generator_->generate(request, {});
  EXPECT_EQ(answering.usage.thinking_tokens, 0);
  EXPECT_EQ(answering.thinking, "");

  request.continue_last_turn = false;
  EXPECT_EQ(prompt_text(request),
            "<|BOT|>human\nWhat is the sum?<|EOT|><|BOT|>assistant\nSo <|EOT|>"
            "<|BOT|>assistant\n<think>\n");
  request.add_generation_prompt = false;
  EXPECT_EQ(prompt_text(request),
            "<|BOT|>human\nWhat is the sum?<|EOT|><|BOT|>assistant\nSo <|EOT|>");
}

TEST_F(RequestShapesTest, ARawPromptIsTakenAsItStands) {
  Request request = text_request("");
  request.messages.clear();
  request.raw_prompt = {.text = "<|BOT|>human\nsum?<|EOT|><|BOT|>assistant\n<think>\n", .ids = {}};
  const Generation raw = generation_of(request);
  EXPECT_EQ(prompt_text(request), request.raw_prompt->text);
  EXPECT_EQ(raw.prompt_ids, generation_of(text_request("sum?")).prompt_ids);
  EXPECT_EQ(raw.ids, generation_of(text_request("sum?")).ids);
}

TEST_F(RequestShapesTest, RawPromptsThatMakeNoSenseAreRefused) {
  const auto refused = [](RawPrompt prompt, const std::string& question = "") {
    Request request = text_request(question);
    if (question.empty()) request.messages.clear();
    request.raw_prompt = std::move(prompt);
    return refusal([&] { engine_->submit(request); });
  };
  EXPECT_THAT(refused({.text = {}, .ids = {}}), HasSubstr("got an empty one"));
  EXPECT_THAT(refused({.text = "a", .ids = {1}}), HasSubstr("got both"));
  EXPECT_THAT(refused({.text = "a\xff", .ids = {}}), HasSubstr("byte 1 is not valid UTF-8"));
  EXPECT_THAT(refused({.text = {}, .ids = {0, -1}}), HasSubstr("got -1 in place 1"));
  EXPECT_THAT(refused({.text = {}, .ids = {1 << 20}}), HasSubstr("got 1048576 in place 0"));
  EXPECT_THAT(refused({.text = "a", .ids = {}}, "q"), HasSubstr("got both"));
}

TEST_F(RequestShapesTest, TokensThereAndBack) {
  const std::string text = "sum <|EOT|> é";
  const std::vector<int64_t> control = engine_->tokenize(text);
  const std::vector<int64_t> plain = engine_->tokenize(text, /*control_tokens=*/false);
  EXPECT_LT(control.size(), plain.size());
  EXPECT_EQ(engine_->detokenize(control), text);
  EXPECT_EQ(engine_->detokenize(plain), text);
  EXPECT_EQ(engine_->detokenize(control, /*skip_special_tokens=*/true), "sum  é");
  EXPECT_THAT(refusal([] { engine_->tokenize("\xc3"); }), HasSubstr("byte 0"));
  EXPECT_THAT(refusal([] {
                engine_->detokenize(std::vector<int64_t>{5, 1 << 30});
              }),
              HasSubstr("in place 1"));
}

}  // namespace
}  // namespace stapes
