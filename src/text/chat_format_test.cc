#include "text/chat_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const Tokenizer& golden_tokenizer() {
  static const Tokenizer kTokenizer =
      Tokenizer::load(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json");
  return kTokenizer;
}

ContentPart part_of(const json& part) {
  if (part.contains("text")) return ContentPart::of_text(part["text"].get<std::string>());
  if (part.contains("control")) return ContentPart::of_control(part["control"].get<std::string>());
  return ContentPart::of_audio(part["audio"].get<size_t>());
}

std::vector<ChatMessage> messages_of(const json& golden) {
  std::vector<ChatMessage> messages;
  for (const json& turn : golden["messages"]) {
    messages.push_back({turn["role"].get<std::string>(), {}});
    for (const json& part : turn["parts"]) {
      messages.back().parts.push_back(part_of(part));
    }
  }
  return messages;
}

PromptOptions options_of(const json& golden) {
  const json given = golden.value("options", json::object());
  PromptOptions options;
  options.add_generation_prompt =
      given.value("add_generation_prompt", options.add_generation_prompt);
  options.continue_last_turn = given.value("continue_last_turn", options.continue_last_turn);
  options.assistant_prefix = given.value("assistant_prefix", options.assistant_prefix);
  options.strip_old_thinking = given.value("strip_old_thinking", options.strip_old_thinking);
  return options;
}

Prompt prompt_of(const json& golden) {
  const auto rows = golden["rows"].get<std::vector<int64_t>>();
  return build_prompt(golden_tokenizer(), messages_of(golden), rows, options_of(golden));
}

json golden_prompts() {
  return json::parse(read_file(STAPES_SOURCE_DIR "/tests/golden/chat_format.json"));
}

json golden_prompt(const std::string& name) {
  for (const json& golden : golden_prompts()) {
    if (golden["name"] == name) return golden;
  }
  ADD_FAILURE() << "no golden prompt " << name;
  return {};
}

TEST(ChatFormat, EqualsTheGoldenPrompts) {
  for (const json& golden : golden_prompts()) {
    SCOPED_TRACE(golden["name"]);
    EXPECT_EQ(prompt_of(golden).ids, golden["ids"].get<std::vector<TokenId>>());
  }
}

TEST(ChatFormat, SpansAreTheRowsOfTheClips) {
  const TokenId patch = golden_tokenizer().require("<audio_patch>");
  for (const json& golden : golden_prompts()) {
    SCOPED_TRACE(golden["name"]);
    const Prompt prompt = prompt_of(golden);
    size_t rows = 0;
    for (const AudioSpan& span : prompt.audio_spans) {
      EXPECT_EQ(span.count, golden["rows"][span.audio_index].get<size_t>());
      for (size_t i = 0; i < span.count; ++i) ASSERT_EQ(prompt.ids[span.begin + i], patch);
      rows += span.count;
    }
    EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), patch), rows);
  }
  const Prompt two = prompt_of(golden_prompt("two clips between texts in pieces"));
  ASSERT_EQ(two.audio_spans.size(), 2u);
  EXPECT_EQ(two.audio_spans[0].audio_index, 1u);
  EXPECT_EQ(two.audio_spans[1].audio_index, 0u);
}

TEST(ChatFormat, ReadsAsTheRelease) {
  const Prompt prompt = prompt_of(golden_prompt("old thinking in several parts"));
  EXPECT_EQ(golden_tokenizer().decode(prompt.ids),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\nfour<|EOT|><|BOT|>human\nb?<|EOT|>"
            "<|BOT|>assistant\n<think>\n");
}

TEST(ChatFormat, OnlyCodePutsControlTokensIntoText) {
  const Prompt prompt = prompt_of(golden_prompt("control tokens that code puts in"));
  const TokenId speech = golden_tokenizer().require("<tts_start>");
  EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), speech), 1);
  EXPECT_EQ(prompt.ids.back(), speech);
  EXPECT_EQ(golden_tokenizer().decode(prompt.ids),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\n<|CALL_START|><tts_start><no_such_token>"
            "<tts_start>");
}

// A vocabulary with speech codes: the release's has them, the golden one is too small.
Tokenizer tokenizer_with_speech() {
  json root = json::parse(read_file(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json"));
  json& added = root["added_tokens"];
  int next = added.back()["id"].get<int>();
  for (const char* name : {"<audio_0>", "<audio_1>", "<audio_2>", "<audio_3>", "<audio_4>",
                           "<audio_5>", "<audio_6561>"}) {
    json token = added.back();
    token["id"] = ++next;
    token["content"] = name;
    token["special"] = false;
    added.push_back(token);
  }
  return Tokenizer::parse(root.dump(), "t.json");
}

std::string speech_prompt(const std::string& text, std::vector<int32_t> codes) {
  const Tokenizer tokenizer = tokenizer_with_speech();
  const ChatMessage message{"user", {ContentPart::of_speech(text, std::move(codes))}};
  const Prompt prompt =
      build_prompt(tokenizer, std::vector{message}, {}, {.add_generation_prompt = false});
  return tokenizer.decode(prompt.ids);
}

TEST(ChatFormat, SpeechIsOneTokenOfTextAndFourCodesInTurns) {
  const size_t words = golden_tokenizer().encode_plain("x").size();
  ASSERT_EQ(words, 1u);
  EXPECT_EQ(speech_prompt("x", {0, 1, 2, 3, 4, 5}),
            "<|BOT|>human\n<tts_start>x<audio_0><audio_1><audio_2><audio_3>"
            "<tts_pad><audio_4><audio_5><audio_6561><audio_6561><tts_end><|EOT|>");
  EXPECT_EQ(speech_prompt("x", {}),
            "<|BOT|>human\n<tts_start>x<audio_6561><audio_6561><audio_6561><audio_6561>"
            "<tts_end><|EOT|>");
  EXPECT_EQ(speech_prompt("", {}), "<|BOT|>human\n<tts_start><tts_end><|EOT|>");
}

TEST(ChatFormat, AClosedLastTurnIsFollowedByANewOne) {
  const Prompt prompt = prompt_of(golden_prompt("last assistant turn closed"));
  EXPECT_EQ(golden_tokenizer().decode(prompt.ids),
            "<|BOT|>human\na?<|EOT|><|BOT|>assistant\nfour<|EOT|><|BOT|>assistant\n<think>\n");
  EXPECT_TRUE(prompt.thinking_open);
}

TEST(ChatFormat, KnowsWhetherThinkingIsOpen) {
  EXPECT_TRUE(prompt_of(golden_prompt("one question")).thinking_open);
  EXPECT_FALSE(prompt_of(golden_prompt("direct answer")).thinking_open);
  EXPECT_FALSE(prompt_of(golden_prompt("sound only, no generation prompt")).thinking_open);
  EXPECT_TRUE(prompt_of(golden_prompt("last assistant turn open, thinking")).thinking_open);
  EXPECT_FALSE(prompt_of(golden_prompt("last assistant turn open, answering")).thinking_open);
}

TEST(ChatFormat, SmuggledControlTokensStayText) {
  const Prompt prompt = prompt_of(golden_prompt("smuggled control tokens"));
  const auto count = [&](const char* name) {
    return std::count(prompt.ids.begin(), prompt.ids.end(), golden_tokenizer().require(name));
  };
  EXPECT_EQ(count("<|BOT|>"), 3);
  EXPECT_EQ(count("<|EOT|>"), 2);
  EXPECT_EQ(count("<audio_patch>"), 1);
}

void expect_prompt_refused(const ChatMessage& message, const std::vector<int64_t>& rows,
                           ErrorCode code, const char* sentence) {
  try {
    build_prompt(golden_tokenizer(), std::vector{message}, rows);
    ADD_FAILURE() << "should be refused: " << sentence;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_STREQ(error.what(), sentence);
  }
}

TEST(ChatFormat, RefusesWhatCannotBeAPrompt) {
  expect_prompt_refused({"user", {ContentPart::of_text("a\xffz")}}, {}, ErrorCode::kInvalidText,
                        "the text of message 0: byte 1 is not valid UTF-8");
  expect_prompt_refused({"us\xe4", {}}, {}, ErrorCode::kInvalidText,
                        "the role of message 0: byte 2 is not valid UTF-8");
  expect_prompt_refused({"", {}}, {}, ErrorCode::kUsage, "message 0 has no role");
  expect_prompt_refused({"user", {ContentPart::of_audio(1)}}, {5}, ErrorCode::kUsage,
                        "message 0 names clip 1, but only 1 clips were given");
  expect_prompt_refused({"user", {ContentPart::of_speech("x", {0, 6562})}}, {}, ErrorCode::kUsage,
                        "message 0: expected speech codes of 0 to 6561, got 6562");
  expect_prompt_refused({"user", {ContentPart::of_audio(0)}}, {-1}, ErrorCode::kUsage,
                        "clip 0: expected 0 to 1048576 rows of audio, got -1");
  expect_prompt_refused({"user", {ContentPart::of_audio(0)}}, {int64_t{1} << 40}, ErrorCode::kUsage,
                        "clip 0: expected 0 to 1048576 rows of audio, got 1099511627776");
}

TEST(ChatFormat, NamesTheControlTokenThatIsMissing) {
  json root = json::parse(read_file(STAPES_SOURCE_DIR "/tests/golden/tokenizer.json"));
  for (json& token : root["added_tokens"]) {
    if (token["content"] == "<|BOT|>") token["content"] = "<|XXX|>";
  }
  const auto tokenizer = Tokenizer::parse(root.dump(), "t.json");
  try {
    build_prompt(tokenizer, {}, {});
    FAIL() << "<|BOT|> is missing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    EXPECT_THAT(error.what(), HasSubstr("<|BOT|>"));
  }
}

}  // namespace
}  // namespace stapes
