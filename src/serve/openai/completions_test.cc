// /v1/completions: what is read, and what is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "serve/openai/completion_reply.h"
#include "serve/openai/completion_request.h"
#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

using testing::Refusal;
using testing::refusal_of;

CompletionRequest completion_of(const Json& body) {
  return parse_completion_request(body.dump(), testing::facts());
}
CompletionRequest parse_prompt(const char* prompt) {
  return completion_of({{"prompt", Json::parse(prompt)}});
}

TEST(CompletionRequest, ReadsEveryFormOfPrompt) {
  EXPECT_EQ(parse_prompt(R"("Once")").natives.at(0).raw_prompt->text, "Once");
  EXPECT_EQ(parse_prompt("[5, 7]").natives.at(0).raw_prompt->ids, (std::vector<int64_t>{5, 7}));
  const CompletionRequest several = parse_prompt(R"(["a", [1], "b"])");
  ASSERT_EQ(several.natives.size(), 3U);
  EXPECT_EQ(several.natives[0].raw_prompt->text, "a");
  EXPECT_EQ(several.natives[1].raw_prompt->ids, std::vector<int64_t>{1});
  EXPECT_EQ(parse_prompt("[[1, 2]]").natives.at(0).raw_prompt->ids, (std::vector<int64_t>{1, 2}));
}

TEST(CompletionRequest, ReadsItsFields) {
  const CompletionRequest plain = parse_prompt(R"("x")");
  const Request& native = plain.natives[0];
  EXPECT_EQ(native.sampling.max_tokens, 16);
  EXPECT_FALSE(native.split_thinking);
  EXPECT_FALSE(native.sampling.logprobs);
  EXPECT_FALSE(native.show_special_tokens);
  EXPECT_FALSE(plain.echo);
  const CompletionRequest request = completion_of({{"prompt", {"x", "y"}},
                                                   {"n", 2},
                                                   {"best_of", 2},
                                                   {"logprobs", 5},
                                                   {"max_tokens", 9},
                                                   {"temperature", 0},
                                                   {"frequency_penalty", 1},
                                                   {"stop", "\n"},
                                                   {"suffix", ""},
                                                   {"skip_special_tokens", false},
                                                   {"stream", true},
                                                   {"stream_options", {{"include_usage", true}}}});
  for (const Request& each : request.natives) {
    EXPECT_EQ(each.samples, 2);
    EXPECT_EQ(each.sampling.logprobs, 5);
    EXPECT_EQ(each.sampling.max_tokens, 9);
    EXPECT_EQ(each.sampling.temperature, 0);
    EXPECT_EQ(each.sampling.frequency_penalty, 1);
    EXPECT_EQ(each.sampling.stop, std::vector<std::string>{"\n"});
    EXPECT_TRUE(each.show_special_tokens);
  }
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_TRUE(completion_of({{"prompt", "x"}, {"echo", true}}).echo);
}

TEST(CompletionRequest, RefusesByName) {
  struct Case {
    const char* body;
    const char* message;
  };
  const Case cases[] = {
      {"{}", "prompt is missing"},
      {R"({"prompt": 5})", "prompt: expected a text, token ids, or a list of these, got 5"},
      {R"({"prompt": ""})", "prompt: expected a text of at least one token, got an empty one"},
      {R"({"prompt": []})", "prompt: expected at least one prompt, got none"},
      {R"({"prompt": [[]]})", "prompt[0]: expected at least one token id, got none"},
      {R"({"prompt": [1, "a"]})", "prompt[1]: expected an integer, got \"a\""},
      {R"({"prompt": ["a", 1]})",
       "prompt[1]: expected a text, token ids, or a list of these, got 1"},
      {R"({"prompt": [-1]})", "prompt[0]: expected an integer of 0 to 2147483647, got -1"},
      {R"({"prompt": ["a", "b"], "n": 33})",
       "prompt: expected at most 64 answers to all prompts together, got 2 prompts and n 33"},
      {R"({"prompt": "a", "suffix": "b"})", "suffix: is not supported"},
      {R"({"prompt": "a", "best_of": 2})", "best_of: expected at most n: answers are not ranked"},
      {R"({"prompt": "a", "logprobs": true})", "logprobs: expected an integer, got true"},
      {R"({"prompt": "a", "logprobs": 1, "echo": true})",
       "logprobs: is not supported together with echo"},
      {R"({"prompt": "a", "echo": "yes"})", "echo: expected true or false, got \"yes\""},
      {R"({"prompt": "a", "temperature": []})", "temperature: expected a number, got a list"},
  };
  for (const Case& wrong : cases)
    EXPECT_EQ(refusal_of([&] { completion_of(Json::parse(wrong.body)); }).message, wrong.message);
  const Json many = Json(std::vector<std::string>(33, "x"));
  EXPECT_EQ(refusal_of([&] {
              completion_of({{"prompt", many}});
            }).message,
            "prompt: expected at most 32 prompts, got 33");
  EXPECT_EQ(refusal_of([&] {
              completion_of({{"prompt", std::string(1'100'000, 'x')}});
            }).code,
            ErrorCode::kTooLarge);
}

Result result_of(std::string answer) {
  Result result;
  result.answer = std::move(answer);
  result.usage = {.prompt_tokens = 4, .cached_tokens = 1, .answer_tokens = 2};
  return result;
}

CompletionReplyWriter writer_for(const CompletionRequest& request) {
  return {request, {"Un", "Deux é"}, "cmpl-1", 1700000000, "tiny"};
}

CompletionRequest two_prompts(bool echo = false) {
  CompletionRequest request = completion_of({{"prompt", {"Un", "Deux é"}}, {"n", 2}});
  request.echo = echo;
  return request;
}
const std::vector<std::vector<Result>>& four_results() {
  static const std::vector<std::vector<Result>> kResults = {{result_of(" a"), result_of(" b")},
                                                            {result_of(" c"), result_of("")}};
  return kResults;
}

TEST(CompletionReply, ChoicesAreNumberedByPromptAndSample) {
  const Json whole = Json::parse(writer_for(two_prompts()).whole(four_results()));
  EXPECT_EQ(whole["object"], "text_completion");
  ASSERT_EQ(whole["choices"].size(), 4U);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(whole["choices"][i]["index"], i);
  EXPECT_EQ(whole["choices"][2]["text"], " c");
  EXPECT_EQ(whole["choices"][2]["finish_reason"], "stop");
  EXPECT_EQ(whole["usage"], Json::parse(R"({"prompt_tokens":8,"completion_tokens":8,
      "total_tokens":16,"prompt_tokens_details":{"cached_tokens":2,"audio_tokens":0},
      "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}})"));
}

TEST(CompletionReply, StreamsSayTheSame) {
  for (const bool echo : {false, true}) {
    CompletionRequest request = two_prompts(echo);
    request.include_usage = true;
    CompletionReplyWriter writer = writer_for(request);
    std::vector<std::string> chunks;
    const auto add = [&](std::vector<std::string> more) {
      for (std::string& chunk : more) chunks.push_back(std::move(chunk));
    };
    for (size_t prompt = 2; prompt-- > 0;)
      for (int sample = 0; sample < 2; ++sample)
        for (const char c : four_results()[prompt][static_cast<size_t>(sample)].answer)
          add(writer.on_delta(prompt, {.text = {c}, .sample = sample}));
    add(writer.on_end(four_results()));
    std::map<size_t, std::string> texts;
    std::map<size_t, Json> ends;
    for (const std::string& text : chunks) {
      const Json chunk = Json::parse(text);
      if (chunk["choices"].empty()) continue;
      const Json& choice = chunk["choices"][0];
      const auto index = choice["index"].get<size_t>();
      EXPECT_TRUE(ends[index].is_null());
      texts[index] += choice["text"].get<std::string>();
      ends[index] = choice["finish_reason"];
    }
    const Json whole = Json::parse(writer_for(request).whole(four_results()));
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(texts[i], whole["choices"][i]["text"]);
      EXPECT_EQ(ends[i], "stop");
    }
    EXPECT_EQ(texts[2], echo ? "Deux é c" : " c");
    EXPECT_EQ(texts[3], echo ? "Deux é" : "");
    EXPECT_EQ(Json::parse(chunks.back())["usage"], whole["usage"]);
  }
}

TEST(CompletionReply, LogprobsCountCharacters) {
  CompletionRequest request = completion_of({{"prompt", "x"}, {"logprobs", 2}});
  Result result = result_of("é日!");
  const auto token = [](std::string bytes) {
    return GeneratedToken{.chosen = {.id = 1, .logprob = -1, .bytes = bytes},
                          .top = {{.id = 2, .logprob = -0.5, .bytes = "é"},
                                  {.id = 1, .logprob = -1, .bytes = bytes}}};
  };
  result.tokens = {token("é"), token("\xe6\x97"), token("\xa5"), token("!")};
  CompletionReplyWriter writer(request, {}, "cmpl-1", 1, "tiny");
  const Json logprobs = Json::parse(writer.whole({{result}}))["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], Json::parse(R"(["é", "bytes:\\xe6\\x97", "bytes:\\xa5", "!"])"));
  EXPECT_EQ(logprobs["token_logprobs"], Json::parse("[-1.0, -1.0, -1.0, -1.0]"));
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[0, 1, 2, 2]"));
  EXPECT_EQ(logprobs["top_logprobs"][3], Json::parse(R"({"é": -0.5, "!": -1.0})"));
  EXPECT_EQ(logprobs["top_logprobs"][0], Json::parse(R"({"é": -1.0})"));
}

}  // namespace
}  // namespace stapes::serve
