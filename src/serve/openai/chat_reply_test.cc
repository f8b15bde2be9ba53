// What the engine writes as OpenAI's chat objects: streams and whole bodies say the same.
#include "serve/openai/chat_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "serve/openai/json_body.h"
#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

using ::testing::ElementsAre;

ChatRequest chat_request(int samples = 1) {
  ChatRequest request;
  request.native.samples = samples;
  return request;
}

ChatReplyWriter writer_for(const ChatRequest& request) {
  return {request, "chatcmpl-1", 1700000000, "tiny"};
}

Result result_of(std::string thinking, std::string answer) {
  Result result;
  result.thinking = std::move(thinking);
  result.answer = std::move(answer);
  result.thought_closed = !result.answer.empty();
  result.usage = {.prompt_tokens = 30,
                  .cached_tokens = 16,
                  .audio_tokens = 13,
                  .thinking_tokens = 7,
                  .answer_tokens = 2};
  return result;
}

GeneratedToken token(std::string bytes, double logprob, bool thinking) {
  return {.chosen = {.id = 1, .logprob = logprob, .bytes = bytes},
          .top = {{.id = 1, .logprob = logprob, .bytes = bytes}},
          .thinking = thinking};
}

// A client of the stream: what it has put together when all is over.
struct Assembled {
  std::string content;
  std::string reasoning;
  std::string speech_text;
  std::string speech_audio;
  Json calls = Json::array();
  Json logprobs = Json::array();
  Json finish;
  Json stop;
  int chunks = 0;
};

std::map<int, Assembled> assemble(const std::vector<std::string>& chunks, Json* usage = nullptr) {
  std::map<int, Assembled> choices;
  for (const std::string& text : chunks) {
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const Json chunk = Json::parse(text);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["id"], "chatcmpl-1");
    EXPECT_EQ(chunk["created"], 1700000000);
    EXPECT_EQ(chunk["model"], "tiny");
    if (chunk["choices"].empty()) {
      if (usage != nullptr) *usage = chunk["usage"];
      continue;
    }
    const Json& choice = chunk["choices"][0];
    Assembled& of = choices[choice["index"].get<int>()];
    const Json& delta = choice["delta"];
    EXPECT_EQ(delta.contains("role"), of.chunks == 0);
    EXPECT_TRUE(of.finish.is_null()) << "something follows the end";
    ++of.chunks;
    of.content += delta.at("content").get<std::string>();  // the release's client reads it always
    of.reasoning += delta.value("reasoning_content", "");
    if (delta.contains("tts_content")) {
      of.speech_text += delta["tts_content"]["tts_text"].get<std::string>();
      of.speech_audio += delta["tts_content"]["tts_audio"].get<std::string>();
    }
    if (delta.contains("tool_calls"))
      for (const Json& call : delta["tool_calls"]) of.calls.push_back(call);
    if (choice["logprobs"].is_object())
      for (const char* name : {"content", "reasoning_content"})
        for (const Json& entry : choice["logprobs"].value(name, Json::array()))
          of.logprobs.push_back({name, entry["token"]});
    of.finish = choice["finish_reason"];
    of.stop = choice.value("stop_reason", Json());
  }
  return choices;
}

// The result as deltas of one byte each.
std::vector<std::string> stream_of(ChatReplyWriter& writer, const std::vector<Result>& results) {
  std::vector<std::string> chunks;
  const auto add = [&](std::vector<std::string> more) {
    for (std::string& chunk : more) chunks.push_back(std::move(chunk));
  };
  for (size_t sample = 0; sample < results.size(); ++sample) {
    for (const bool thinking : {true, false})
      for (const char c : thinking ? results[sample].thinking : results[sample].answer)
        add(writer.on_delta(
            {.thinking = thinking, .text = {c}, .sample = static_cast<int>(sample)}));
  }
  add(writer.on_end(results));
  return chunks;
}

Assembled streamed(const ChatRequest& request, const Result& result) {
  ChatReplyWriter writer = writer_for(request);
  return assemble(stream_of(writer, {result}))[0];
}
Json whole_message(const ChatRequest& request, const Result& result) {
  return Json::parse(writer_for(request).whole({result}))["choices"][0]["message"];
}

TEST(ChatReply, ThinkingHasAFieldOfItsOwn) {
  const Result result = result_of("I hear 3.", "3");
  const Assembled stream = streamed(chat_request(), result);
  EXPECT_EQ(stream.reasoning, "I hear 3.");
  EXPECT_EQ(stream.content, "3");
  EXPECT_EQ(stream.finish, "stop");
  const Json message = whole_message(chat_request(), result);
  EXPECT_EQ(message["reasoning_content"], "I hear 3.");
  EXPECT_EQ(message["content"], "3");
}

struct Format {
  ReasoningFormat format;
  bool client_opened;
  const char* answered;   // the content where the thought was closed and an answer followed
  const char* empty;      // where it was closed and nothing followed
  const char* unclosed;   // where it was not closed
  const char* unthought;  // where nothing was thought
};

TEST(ChatReply, ThinkingIsNeverInTwoPlaces) {
  const Format formats[] = {
      {ReasoningFormat::kReasoningContent, false, "3", "", "", "3"},
      {ReasoningFormat::kReasoningContent, true, "3", "", "", "3"},
      {ReasoningFormat::kHidden, false, "3", "", "", "3"},
      {ReasoningFormat::kInContent, false, "<think>\nI hear\n</think>\n3",
       "<think>\nI hear\n</think>\n", "<think>\nI hear", "3"},
      // The client's own message ended with the marker; it has the beginning already.
      {ReasoningFormat::kInContent, true, "I hear\n</think>\n3", "I hear\n</think>\n", "I hear",
       "\n</think>\n3"},
  };
  for (const Format& format : formats) {
    ChatRequest request = chat_request();
    request.reasoning_format = format.format;
    request.client_opened_thought = format.client_opened;
    const bool apart = format.format == ReasoningFormat::kReasoningContent;
    const auto expect_content = [&](const Result& result, const char* content) {
      EXPECT_EQ(streamed(request, result).content, content);
      EXPECT_EQ(whole_message(request, result)["content"], content);
      EXPECT_EQ(streamed(request, result).reasoning, apart ? result.thinking : "");
      EXPECT_EQ(whole_message(request, result).value("reasoning_content", ""),
                apart ? result.thinking : "");
    };
    expect_content(result_of("I hear", "3"), format.answered);
    Result empty = result_of("I hear", "");
    expect_content(empty, format.unclosed);
    empty.thought_closed = true;
    expect_content(empty, format.empty);
    expect_content(result_of("", "3"), format.unthought);
  }
}

TEST(ChatReply, EachSampleHasItsChoice) {
  ChatRequest request = chat_request(3);
  request.include_usage = true;
  std::vector<Result> results = {result_of("a", "1"), result_of("b", "2"), result_of("", "")};
  results[1].finish = FinishReason::kLength;
  results[2].finish = FinishReason::kCancelled;
  ChatReplyWriter writer = writer_for(request);
  Json usage;
  auto choices = assemble(stream_of(writer, results), &usage);
  ASSERT_EQ(choices.size(), 3U);
  EXPECT_EQ(choices[1].content, "2");
  EXPECT_EQ(choices[0].finish, "stop");
  EXPECT_EQ(choices[1].finish, "length");
  EXPECT_EQ(choices[2].finish, "abort");
  EXPECT_EQ(usage, Json::parse(R"({"prompt_tokens":30,"completion_tokens":27,"total_tokens":57,
      "prompt_tokens_details":{"cached_tokens":16,"audio_tokens":13},
      "completion_tokens_details":{"reasoning_tokens":21,"audio_tokens":0}})"));
  const Json whole = Json::parse(writer_for(request).whole(results));
  EXPECT_EQ(whole["usage"], usage);
  EXPECT_EQ(whole["choices"].size(), 3U);
  EXPECT_EQ(whole["choices"][2]["index"], 2);
  EXPECT_EQ(whole["choices"][1]["message"]["reasoning_content"], "b");
}

TEST(ChatReply, UsageComesOnlyWhereItWasAskedFor) {
  ChatRequest request = chat_request();
  ChatReplyWriter without = writer_for(request);
  for (const std::string& chunk : stream_of(without, {result_of("a", "b")}))
    EXPECT_FALSE(Json::parse(chunk).contains("usage"));
  request.include_usage = true;
  ChatReplyWriter with = writer_for(request);
  const std::vector<std::string> chunks = stream_of(with, {result_of("a", "b")});
  for (const std::string& chunk : chunks) {
    EXPECT_EQ(Json::parse(chunk)["usage"].is_null(), chunk != chunks.back());
  }
}

TEST(ChatReply, ToolCallsAreOpenAIs) {
  ChatRequest request = chat_request();
  request.parse_tool_calls = true;
  const Result result =
      result_of("I need prices.",
                "Let me look.\n<tool_call>function\nprice\n{\"of\": \"gold\"}</tool_call>\n"
                "<tool_call>function\nrate\n{}</tool_call>");
  const Json expected = Json::parse(R"([
      {"id":"call_1_0_0","type":"function","function":{"name":"price","arguments":"{\"of\": \"gold\"}"}},
      {"id":"call_1_0_1","type":"function","function":{"name":"rate","arguments":"{}"}}])");
  const Json message = whole_message(request, result);
  EXPECT_EQ(message["tool_calls"], expected);
  EXPECT_EQ(message["content"], "Let me look.");
  const Assembled stream = streamed(request, result);
  EXPECT_EQ(stream.content, "Let me look.");
  EXPECT_EQ(stream.finish, "tool_calls");
  ASSERT_EQ(stream.calls.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    Json call = stream.calls[i];
    EXPECT_EQ(call["index"], i);
    call.erase("index");
    EXPECT_EQ(call, expected[i]);
  }
  const Json alone =
      whole_message(request, result_of("", "<tool_call>function\nrate\n{}</tool_call>"));
  EXPECT_TRUE(alone["content"].is_null());

  Result cut = result_of("", "<tool_call>function\nrate\n{");
  cut.finish = FinishReason::kLength;
  EXPECT_EQ(streamed(request, cut).content, cut.answer);
  EXPECT_EQ(streamed(request, cut).finish, "length");
  request.parse_tool_calls = false;
  EXPECT_EQ(streamed(request, result).content, result.answer);
  EXPECT_EQ(streamed(request, result).finish, "stop");
}

TEST(ChatReply, SpeechIsTtsContent) {
  ChatRequest request = chat_request();
  request.speech = true;
  const Result result = result_of(
      "", "Hi<audio_5><audio_6560> there<audio_1>, a < b <audio_x><tts_pad><audio_6561><tts_end>");
  const Assembled stream = streamed(request, result);
  EXPECT_EQ(stream.content, "");
  EXPECT_EQ(stream.speech_text, "Hi there, a < b <audio_x>");
  EXPECT_EQ(stream.speech_audio, "<audio_5><audio_6560><audio_1>");
  const Json message = whole_message(request, result);
  EXPECT_EQ(message["content"], "");
  EXPECT_EQ(message["tts_content"]["tts_text"], "Hi there, a < b <audio_x>");
  EXPECT_EQ(message["tts_content"]["tts_audio"], "<audio_5><audio_6560><audio_1>");
  EXPECT_EQ(streamed(request, result_of("", "a <aud")).speech_text, "a <aud");
}

TEST(ChatReply, LogprobsAreOfTheAnswerAndApartOfTheThought) {
  ChatRequest request = chat_request();
  request.native.sampling.logprobs = 1;
  Result result = result_of("hm", "\xe6\x97\xa5");
  result.tokens = {token("hm", -0.5, true), token("\xe6\x97", -INFINITY, false),
                   token("\xa5", -0.25, false)};
  const Json choice = Json::parse(writer_for(request).whole({result}))["choices"][0];
  EXPECT_EQ(choice["logprobs"], Json::parse(R"({
      "content": [
        {"token": "bytes:\\xe6\\x97", "logprob": -9999.0, "bytes": [230, 151],
         "top_logprobs": [{"token": "bytes:\\xe6\\x97", "logprob": -9999.0, "bytes": [230, 151]}]},
        {"token": "bytes:\\xa5", "logprob": -0.25, "bytes": [165],
         "top_logprobs": [{"token": "bytes:\\xa5", "logprob": -0.25, "bytes": [165]}]}],
      "refusal": null,
      "reasoning_content": [
        {"token": "hm", "logprob": -0.5, "bytes": [104, 109],
         "top_logprobs": [{"token": "hm", "logprob": -0.5, "bytes": [104, 109]}]}]})"));
  request.reasoning_format = ReasoningFormat::kInContent;
  EXPECT_EQ(
      Json::parse(writer_for(request).whole({result}))["choices"][0]["logprobs"]["content"].size(),
      3U);
  request.reasoning_format = ReasoningFormat::kHidden;
  EXPECT_FALSE(Json::parse(writer_for(request).whole({result}))["choices"][0]["logprobs"].contains(
      "reasoning_content"));
  request.native.sampling.logprobs = std::nullopt;
  EXPECT_TRUE(Json::parse(writer_for(request).whole({result}))["choices"][0]["logprobs"].is_null());
}

// A chunk may be held back (a tool call that may come); its tokens come with the next one.
TEST(ChatReply, NoTokenOfAStreamIsLost) {
  ChatRequest request = chat_request();
  request.native.sampling.logprobs = 0;
  request.parse_tool_calls = true;
  ChatReplyWriter writer = writer_for(request);
  std::vector<std::string> chunks;
  const auto push = [&](bool thinking, std::string text, std::vector<GeneratedToken> tokens) {
    for (std::string& chunk :
         writer.on_delta({.thinking = thinking, .text = std::move(text), .tokens = tokens}))
      chunks.push_back(std::move(chunk));
  };
  push(true, "a", {token("a", -1, true), token("</think>", -1, true)});
  push(false, "<tool", {token("<tool", -1, false)});
  push(false, "s>", {token("s>", -1, false)});
  push(false, " ", {token(" ", -1, false)});
  push(false, "", {token("", -1, false)});
  for (std::string& chunk : writer.on_end({result_of("a", "<tools> ")}))
    chunks.push_back(std::move(chunk));
  const Assembled stream = assemble(chunks)[0];
  EXPECT_EQ(stream.content, "<tools> ");
  EXPECT_EQ(stream.logprobs, Json::parse(R"([["reasoning_content", "a"],
      ["reasoning_content", "</think>"], ["content", "<tool"], ["content", "s>"],
      ["content", " "], ["content", ""]])"));
}

TEST(ChatReply, SaysWhatStoppedIt) {
  ChatRequest request = chat_request();
  request.native.sampling.stop_token_ids = {42};
  Result result = result_of("", "x");
  result.stop_text = "END";
  EXPECT_EQ(streamed(request, result).stop, "END");
  result.stop_text.clear();
  result.stop_token_id = 42;
  EXPECT_EQ(streamed(request, result).stop, 42);
  result.stop_token_id = 7;  // the model's own
  EXPECT_TRUE(streamed(request, result).stop.is_null());
}

TEST(ChatReply, AnyTextMakesOneLineOfJson) {
  const Result result = result_of("\"quoted\"\n\\ \x01", "</script>\r\n\xe2\x80\xa8 é 😀");
  const Assembled stream = streamed(chat_request(), result);
  EXPECT_EQ(whole_message(chat_request(), result)["content"], result.answer);
  EXPECT_EQ(whole_message(chat_request(), result)["reasoning_content"], result.thinking);
}

}  // namespace
}  // namespace stapes::serve
