// Every field of /v1/chat/completions but the messages: what it does, and what is refused.
#include "serve/openai/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

using testing::facts;
using ::testing::HasSubstr;
using testing::parse;
using testing::question;
using testing::Refusal;
using testing::refusal_of;

TEST(ChatRequest, WithoutFieldsTheModelsOwnValuesCount) {
  ModelFacts special = facts();
  special.sampling.temperature = 0.25;
  special.sampling.top_k = 9;
  special.default_max_tokens = 77;
  special.seed = 4;
  const ChatRequest request = parse_chat_request(question().dump(), {}, special);
  const SamplingOptions& sampling = request.native.sampling;
  EXPECT_EQ(sampling.temperature, 0.25);
  EXPECT_EQ(sampling.top_k, 9);
  EXPECT_EQ(sampling.max_tokens, 77);
  EXPECT_EQ(sampling.seed, 4U);
  EXPECT_FALSE(sampling.think_budget);
  EXPECT_FALSE(sampling.logprobs);
  EXPECT_EQ(request.native.samples, 1);
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.native.show_special_tokens);
  EXPECT_TRUE(request.native.split_thinking);
  EXPECT_EQ(request.reasoning_format, ReasoningFormat::kReasoningContent);
}

TEST(ChatRequest, ReadsTheSampling) {
  const ChatRequest request = parse(question({{"temperature", 1.5},
                                              {"top_p", 0.9},
                                              {"top_k", 40},
                                              {"min_p", 0.05},
                                              {"repetition_penalty", 1.07},
                                              {"frequency_penalty", -0.5},
                                              {"presence_penalty", 2},
                                              {"seed", 42},
                                              {"n", 3},
                                              {"stop", {"\n\n", "END"}},
                                              {"stop_token_ids", {151665, 0}},
                                              {"ignore_eos", true},
                                              {"max_tokens", 32000}}));
  const SamplingOptions& sampling = request.native.sampling;
  EXPECT_EQ(sampling.temperature, 1.5);
  EXPECT_EQ(sampling.top_p, 0.9);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.min_p, 0.05);
  EXPECT_EQ(sampling.repetition_penalty, 1.07);
  EXPECT_EQ(sampling.frequency_penalty, -0.5);
  EXPECT_EQ(sampling.presence_penalty, 2);
  EXPECT_EQ(sampling.seed, 42U);
  EXPECT_EQ(request.native.samples, 3);
  EXPECT_EQ(sampling.stop, (std::vector<std::string>{"\n\n", "END"}));
  EXPECT_EQ(sampling.stop_token_ids, (std::vector<int64_t>{151665, 0}));
  EXPECT_TRUE(sampling.ignore_eos);
  EXPECT_EQ(sampling.max_tokens, 32000);
}

TEST(ChatRequest, SamplingAtTheEdges) {
  const auto sampling = [](const Json& fields) { return parse(question(fields)).native.sampling; };
  EXPECT_EQ(sampling({{"temperature", 0}}).temperature, 0);
  EXPECT_GT(sampling({{"top_p", 0}}).top_p, 0);
  EXPECT_LT(sampling({{"top_p", 0}}).top_p, 1e-6);
  EXPECT_EQ(sampling({{"top_k", -1}}).top_k, 0);
  EXPECT_EQ(sampling({{"stop", "x"}}).stop, std::vector<std::string>{"x"});
  EXPECT_EQ(sampling({{"stop", Json::array()}}).stop, std::vector<std::string>{});
  EXPECT_EQ(sampling({{"seed", -1}}).seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(sampling({{"seed", 18446744073709551615U}}).seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(sampling({{"max_tokens", 16.0}}).max_tokens, 16);
  EXPECT_EQ(sampling({{"max_tokens", 16}, {"max_completion_tokens", 8}}).max_tokens, 8);
  EXPECT_EQ(sampling({{"max_tokens", 2147483647}}).max_tokens, 2147483647);
}

TEST(ChatRequest, NullIsAsGoodAsAbsent) {
  for (const char* name : {"temperature",
                           "top_p",
                           "top_k",
                           "min_p",
                           "seed",
                           "n",
                           "stop",
                           "stop_token_ids",
                           "ignore_eos",
                           "max_tokens",
                           "stream",
                           "stream_options",
                           "logprobs",
                           "top_logprobs",
                           "tools",
                           "tool_choice",
                           "reasoning_effort",
                           "think_budget",
                           "reasoning_format",
                           "response_format",
                           "logit_bias",
                           "skip_special_tokens",
                           "repetition_penalty",
                           "model",
                           "continue_final_message",
                           "functions",
                           "modalities",
                           "chat_template_kwargs"})
    EXPECT_NO_THROW(parse(question({{name, nullptr}}))) << name;
}

TEST(ChatRequest, UnknownFieldsAreAccepted) {
  EXPECT_NO_THROW(parse(question({{"user", "u-1"},
                                  {"metadata", {{"a", {1, {{"b", nullptr}}}}}},
                                  {"store", false},
                                  {"service_tier", "auto"},
                                  {"parallel_tool_calls", true},
                                  {"", ""},
                                  {"no such field", "x"}})));
}

TEST(ChatRequest, Streams) {
  const ChatRequest request =
      parse(question({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_FALSE(
      parse(question({{"stream", true}, {"stream_options", Json::object()}})).include_usage);
}

TEST(ChatRequest, ThinkingBudgets) {
  const auto budget = [](const Json& fields) {
    return parse(question(fields)).native.sampling.think_budget;
  };
  EXPECT_EQ(budget({{"reasoning_effort", "none"}}), 0);
  EXPECT_EQ(budget({{"reasoning_effort", "minimal"}}), 128);
  EXPECT_EQ(budget({{"reasoning_effort", "low"}}), 512);
  EXPECT_EQ(budget({{"reasoning_effort", "medium"}}), 2048);
  EXPECT_EQ(budget({{"reasoning_effort", "high"}}), std::nullopt);
  EXPECT_EQ(budget({{"thinking_budget", 100}, {"reasoning_effort", "none"}}), 100);
  EXPECT_EQ(budget({{"think_budget", 0}}), 0);
  EXPECT_EQ(budget({{"thinking_budget", -1}, {"reasoning_effort", "none"}}), std::nullopt);
  EXPECT_EQ(budget({{"chat_template_kwargs", {{"enable_thinking", false}}}}), 0);
  EXPECT_EQ(budget({{"chat_template_kwargs", {{"enable_thinking", true}}}}), std::nullopt);
  EXPECT_EQ(budget({{"chat_template_kwargs", {{"other", 1}}}}), std::nullopt);
}

TEST(ChatRequest, ReasoningFormats) {
  const auto format = [](const Json& fields) { return parse(question(fields)).reasoning_format; };
  for (const char* name : {"reasoning_content", "deepseek", "parsed", "auto"})
    EXPECT_EQ(format({{"reasoning_format", name}}), ReasoningFormat::kReasoningContent);
  for (const char* name : {"content", "none", "raw"})
    EXPECT_EQ(format({{"reasoning_format", name}}), ReasoningFormat::kInContent);
  EXPECT_EQ(format({{"reasoning_format", "hidden"}}), ReasoningFormat::kHidden);
  EXPECT_EQ(format({{"include_reasoning", false}}), ReasoningFormat::kHidden);
  EXPECT_EQ(format({{"include_reasoning", true}}), ReasoningFormat::kReasoningContent);
  ModelFacts inline_server = facts();
  inline_server.reasoning_format = ReasoningFormat::kInContent;
  EXPECT_EQ(parse_chat_request(question().dump(), {}, inline_server).reasoning_format,
            ReasoningFormat::kInContent);
}

TEST(ChatRequest, Logprobs) {
  const auto logprobs = [](const Json& fields) {
    return parse(question(fields)).native.sampling.logprobs;
  };
  EXPECT_EQ(logprobs({{"logprobs", true}}), 0);
  EXPECT_EQ(logprobs({{"logprobs", true}, {"top_logprobs", 20}}), 20);
  EXPECT_EQ(logprobs({{"logprobs", false}}), std::nullopt);
  EXPECT_EQ(logprobs({{"logprobs", false}, {"top_logprobs", 0}}), std::nullopt);
}

TEST(ChatRequest, SpecialTokensAreShownWhereTheReleasesClientAsks) {
  EXPECT_TRUE(parse(question({{"skip_special_tokens", false}})).native.show_special_tokens);
  EXPECT_FALSE(parse(question({{"skip_special_tokens", true}})).native.show_special_tokens);
}

struct Refused {
  Json fields;
  const char* message;
};

TEST(ChatRequest, WrongTypesAndValuesAreRefusedByName) {
  const Refused cases[] = {
      {{{"temperature", "hot"}}, "temperature: expected a number, got \"hot\""},
      {{{"temperature", -0.1}},
       "temperature: expected a number of at least 0 and at most 100, got -0.1"},
      {{{"top_p", 1.01}}, "top_p: expected a number of at least 0 and at most 1, got 1.01"},
      {{{"top_k", 1.5}}, "top_k: expected an integer, got 1.5"},
      {{{"top_k", -2}}, "top_k: expected an integer of -1 to 2147483647, got -2"},
      {{{"min_p", 2}}, "min_p: expected a number of at least 0 and at most 1, got 2"},
      {{{"repetition_penalty", 0}},
       "repetition_penalty: expected a number above 0 and at most 100, got 0"},
      {{{"frequency_penalty", 2.1}},
       "frequency_penalty: expected a number of at least -2 and at most 2, got 2.1"},
      {{{"presence_penalty", true}}, "presence_penalty: expected a number, got true"},
      {{{"seed", "7"}}, "seed: expected an integer, got \"7\""},
      {{{"n", 0}}, "n: expected an integer of 1 to 64, got 0"},
      {{{"n", 65}}, "n: expected an integer of 1 to 64, got 65"},
      {{{"max_tokens", 0}}, "max_tokens: expected an integer of 1 to 2147483647, got 0"},
      {{{"max_completion_tokens", 2147483648}},
       "max_completion_tokens: expected an integer of 1 to 2147483647, got 2147483648"},
      {{{"stop", 3}}, "stop: expected a string or a list of strings, got 3"},
      {{{"stop", ""}}, "stop: expected a text of 1 to 256 bytes, got 0"},
      {{{"stop", {"a", std::string(257, 'x')}}},
       "stop[1]: expected a text of 1 to 256 bytes, got 257"},
      {{{"stop", {"a", 1}}}, "stop[1]: expected a string, got 1"},
      {{{"stop", Json(std::vector<std::string>(17, "x"))}},
       "stop: expected at most 16 texts, got 17"},
      {{{"ignore_eos", 1}}, "ignore_eos: expected true or false, got 1"},
      {{{"stop_token_ids", 5}}, "stop_token_ids: expected a list, got 5"},
      {{{"stop_token_ids", {-1}}},
       "stop_token_ids[0]: expected an integer of 0 to 2147483647, got -1"},
      {{{"stream", "yes"}}, "stream: expected true or false, got \"yes\""},
      {{{"stream_options", {{"include_usage", true}}}},
       "stream_options: is only allowed where stream is true"},
      {{{"stream", true}, {"stream_options", true}},
       "stream_options: expected an object, got true"},
      {{{"stream", true}, {"stream_options", {{"include_usage", 1}}}},
       "stream_options.include_usage: expected true or false, got 1"},
      {{{"logprobs", 5}}, "logprobs: expected true or false, got 5"},
      {{{"logprobs", true}, {"top_logprobs", 21}},
       "top_logprobs: expected an integer of 0 to 20, got 21"},
      {{{"top_logprobs", 2}}, "top_logprobs: is only allowed where logprobs is true"},
      {{{"reasoning_effort", "extreme"}},
       "reasoning_effort: expected none, minimal, low, medium, high or xhigh, got \"extreme\""},
      {{{"reasoning_effort", 3}}, "reasoning_effort: expected a string, got 3"},
      {{{"thinking_budget", -2}},
       "thinking_budget: expected an integer of -1 to 2147483647, got -2"},
      {{{"think_budget", "8k"}}, "think_budget: expected an integer, got \"8k\""},
      {{{"reasoning_format", "xml"}},
       "reasoning_format: expected reasoning_content, content, hidden or auto, got \"xml\""},
      {{{"chat_template_kwargs", {{"enable_thinking", 0}}}},
       "chat_template_kwargs.enable_thinking: expected true or false, got 0"},
      {{{"skip_special_tokens", 0}}, "skip_special_tokens: expected true or false, got 0"},
      {{{"continue_final_message", 1}}, "continue_final_message: expected true or false, got 1"},
      {{{"continue_final_message", true}},
       "continue_final_message: the last message must be the assistant's to be continued"},
      {{{"add_generation_prompt", "x"}},
       "add_generation_prompt: expected true or false, got \"x\""},
      {{{"model", 5}}, "model: expected a string, got 5"},
      {{{"response_format", {{"type", "json_object"}}}},
       "response_format.type: only text is supported: the model is not held to any format"},
      {{{"response_format", Json::object()}}, "response_format.type is missing"},
      {{{"logit_bias", {{"50256", -100}}}}, "logit_bias: is not supported"},
      {{{"functions", Json::array()}}, "functions: is not supported; use tools"},
      {{{"function_call", "auto"}}, "function_call: is not supported; use tools"},
      {{{"modalities", {"text", "audio"}}}, "modalities[1]: only text is supported"},
      {{{"tool_choice", "required"}},
       "tool_choice: the model cannot be made to call a tool; expected none or auto"},
      {{{"tool_choice", {{"type", "function"}}}},
       "tool_choice: the model cannot be made to call a tool; expected none or auto"},
      {{{"tool_choice", "any"}}, "tool_choice: expected none or auto, got \"any\""},
      {{{"tools", "f"}}, "tools: expected a list, got \"f\""},
      {{{"tools", {1}}}, "tools[0]: expected an object, got 1"},
      {{{"tools", Json::array({{{"type", "web"}}})}},
       "tools[0].type: expected function, got \"web\""},
      {{{"tools", Json::array({{{"type", "function"}}})}}, "tools[0].function is missing"},
      {{{"tools", Json::array({{{"type", "function"}, {"function", {{"name", ""}}}}})}},
       "tools[0].function.name: expected the name of a function"},
  };
  for (const Refused& wrong : cases) {
    const Refusal refusal = refusal_of([&] { parse(question(wrong.fields)); });
    EXPECT_EQ(refusal.message, wrong.message) << wrong.fields;
    // "a.b: ..." and "a.b is missing" begin with the path.
    EXPECT_FALSE(refusal.param.empty()) << wrong.fields;
    EXPECT_EQ(refusal.message.find(refusal.param), 0U) << wrong.fields;
    EXPECT_EQ(error_reply(RequestError(refusal.code, refusal.message, refusal.param)).status, 400);
  }
}

TEST(ChatRequest, NoSoundIsDecodedForARequestThatIsRefusedAnyway) {
  Json body = testing::with_messages(
      Json::array({{{"role", "user"}, {"content", Json::array({testing::audio_part("junk")})}}}));
  body["temperature"] = -1;
  EXPECT_EQ(refusal_of([&] { parse(body); }).param, "temperature");
}

class EndOfPrompt : public ::testing::Test {
 protected:
  static ChatRequest parse_end(const Json& fields, const Json& last_message_fields = Json::object(),
                               const std::string& text = "<think>\nI hear") {
    Json last = {{"role", "assistant"}, {"content", text}};
    last.update(last_message_fields);
    Json body = testing::with_messages(
        Json::array({{{"role", "human"}, {"content", "Which?"}}, std::move(last)}));
    body.update(fields);
    return parse(body);
  }
  static bool stays_open(const Json& fields, const Json& last = Json::object()) {
    const ChatRequest request = parse_end(fields, last);
    EXPECT_EQ(request.client_opened_thought, request.native.continue_last_turn);
    return request.native.continue_last_turn;
  }
};

TEST_F(EndOfPrompt, IsOpenWhereTheTemplateOfTheReleaseLeavesItOpen) {
  EXPECT_TRUE(stays_open(Json::object()));
  EXPECT_TRUE(stays_open({{"add_generation_prompt", true}}));
  EXPECT_TRUE(stays_open({{"continue_final_message", false}}));
}

TEST_F(EndOfPrompt, IsAsTheReleasesClientSays) {
  // With `eot: false` it sends all three, without it the opposite of the last two.
  EXPECT_TRUE(stays_open({{"continue_final_message", true}, {"add_generation_prompt", false}},
                         {{"eot", false}}));
  EXPECT_TRUE(stays_open({{"continue_final_message", true}, {"add_generation_prompt", false}}));
  EXPECT_TRUE(stays_open(Json::object(), {{"eot", false}}));
  EXPECT_FALSE(stays_open(Json::object(), {{"eot", true}}));
  EXPECT_FALSE(stays_open({{"continue_final_message", false}, {"add_generation_prompt", true}}));
  EXPECT_EQ(refusal_of([] {
              parse_end({{"continue_final_message", true}, {"add_generation_prompt", true}});
            }).message,
            "continue_final_message: expected at most one of continue_final_message and "
            "add_generation_prompt");
  EXPECT_EQ(refusal_of([] {
              parse_end(Json::object(), {{"eot", "no"}});
            }).message,
            "messages[1].eot: expected true or false, got \"no\"");
}

TEST_F(EndOfPrompt, SaysWhoOpenedTheThought) {
  EXPECT_TRUE(parse_end(Json::object()).client_opened_thought);
  EXPECT_FALSE(
      parse_end(Json::object(), Json::object(), "<think>\nx\n</think>\nSo").client_opened_thought);
  EXPECT_FALSE(parse_end(Json::object(), Json::object(), "So").client_opened_thought);
  EXPECT_FALSE(parse(question()).client_opened_thought);
}

TEST_F(EndOfPrompt, MayBeginNoTurnAtAll) {
  EXPECT_FALSE(parse(question({{"add_generation_prompt", false}})).native.add_generation_prompt);
  EXPECT_TRUE(parse(question()).native.add_generation_prompt);
}

TEST(ChatRequestTools, AreShownAfterTheSystemsTurnInTheClientsOrder) {
  Json body = testing::with_messages(Json::array(
      {{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", "Price?"}}}));
  body["tools"] = Json::parse(
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","a":1}}}])");
  const ChatRequest request = parse(body);
  ASSERT_EQ(request.native.messages.size(), 3U);
  EXPECT_EQ(request.native.messages[0].role, "system");
  EXPECT_EQ(request.native.messages[1].role, "tool_json_schemas");
  EXPECT_EQ(request.native.messages[1].parts[0].text,
            "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": "
            "{\"type\": \"object\", \"a\": 1}}}]");
  EXPECT_TRUE(request.parse_tool_calls);

  body["tool_choice"] = "none";
  EXPECT_EQ(parse(body).native.messages.size(), 2U);
  EXPECT_FALSE(parse(body).parse_tool_calls);
  body["tool_choice"] = "auto";
  EXPECT_EQ(parse(body).native.messages.size(), 3U);
  body["tools"] = Json::array();
  EXPECT_EQ(parse(body).native.messages.size(), 2U);
}

}  // namespace
}  // namespace stapes::serve
