#include "engine/text_stream.h"

#include <gtest/gtest.h>

#include "engine/testing/tiny_model.h"

namespace stapes {
namespace {

class TextStreamTest : public ::testing::Test {
 protected:
  struct Shown {
    std::string thinking;
    std::string answer;
  };

  void add(Shown& shown, const std::vector<Delta>& deltas) {
    for (const Delta& delta : deltas) {
      EXPECT_FALSE(delta.text.empty());
      (delta.thinking ? shown.thinking : shown.answer) += delta.text;
    }
  }

  Shown run(const std::vector<TokenId>& ids, bool thinking_open,
            const std::vector<std::string>& stops = {}) {
    TextStream stream(tokenizer_, {.stops = stops,
                                   .thinking_open = thinking_open,
                                   .split_thinking = split_thinking_,
                                   .show_special_tokens = show_special_tokens_});
    Shown shown;
    for (const TokenId id : ids) add(shown, stream.push(id));
    add(shown, stream.finish());
    return shown;
  }

  bool split_thinking_ = true;
  bool show_special_tokens_ = false;
  Tokenizer tokenizer_ =
      Tokenizer::parse(testing::tiny_tokenizer_json(), "the test's tokenizer.json");
};

TEST(RestOfThoughtEnd, CompletesWhatHasBegun) {
  EXPECT_EQ(rest_of_thought_end(""), "\n</think>\n");
  EXPECT_EQ(rest_of_thought_end("a thought"), "\n</think>\n");
  EXPECT_EQ(rest_of_thought_end("a thought\n"), "</think>\n");
  EXPECT_EQ(rest_of_thought_end("a thought\n</thi"), "nk>\n");
  EXPECT_EQ(rest_of_thought_end("a thought</think"), ">\n");
  EXPECT_EQ(rest_of_thought_end("a thought\n</think>"), "\n");
  EXPECT_EQ(rest_of_thought_end("a < b"), "\n</think>\n");
}

TEST_F(TextStreamTest, SplitsThinkingAndAnswer) {
  const Shown shown = run(tokenizer_.encode("First I hear 3.\n</think>\n3 7 é"), true);
  EXPECT_EQ(shown.thinking, "First I hear 3.");
  EXPECT_EQ(shown.answer, "3 7 é");
}

TEST_F(TextStreamTest, UnsplitTextKeepsItsMarkers) {
  split_thinking_ = false;
  const std::string text = "\n<think>\nsum\n</think>\n\n<RESPONSE>10</RESPONSE>\n";
  for (const bool open : {false, true}) {
    const Shown shown = run(tokenizer_.encode(text), open);
    EXPECT_EQ(shown.thinking, "");
    EXPECT_EQ(shown.answer, text);
  }
  TextStream stream(tokenizer_, {.thinking_open = true, .split_thinking = false});
  EXPECT_FALSE(stream.in_thought());
}

TEST_F(TextStreamTest, SpecialTokensAreShownWhereThatIsAsked) {
  show_special_tokens_ = true;
  std::vector<TokenId> ids = tokenizer_.encode("so");
  ids.push_back(tokenizer_.require("<tts_start>"));
  ids.push_back(tokenizer_.require("<|THINK_END|>"));
  ids.push_back(tokenizer_.require("<|EOT|>"));
  const Shown shown = run(ids, true);
  EXPECT_EQ(shown.thinking, "so<tts_start>");
  EXPECT_EQ(shown.answer, "<|EOT|>");
}

TEST_F(TextStreamTest, SaysWhichStopTextWasMet) {
  TextStream stream(tokenizer_, {.stops = {"third", "sec"}});
  for (const TokenId id : tokenizer_.encode("first second third")) stream.push(id);
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.stop_text(), "sec");
}

TEST_F(TextStreamTest, SpecialTokensAreNotShown) {
  std::vector<TokenId> ids = tokenizer_.encode("so");
  ids.push_back(tokenizer_.require("<tts_start>"));
  ids.push_back(tokenizer_.require("<|THINK_END|>"));
  ids.push_back(tokenizer_.require("<audio_patch>"));
  for (const TokenId id : tokenizer_.encode("11")) ids.push_back(id);
  const Shown shown = run(ids, true);
  EXPECT_EQ(shown.thinking, "so");
  EXPECT_EQ(shown.answer, "11");
}

TEST_F(TextStreamTest, NeverHalfACharacter) {
  const std::string text = "🎵é日本";
  TextStream stream(tokenizer_, {});
  std::string all;
  for (const TokenId id : tokenizer_.encode(text)) {
    for (const Delta& delta : stream.push(id)) {
      EXPECT_TRUE(is_valid_utf8(delta.text)) << delta.text;
      all += delta.text;
    }
  }
  for (const Delta& delta : stream.finish()) all += delta.text;
  EXPECT_EQ(all, text);
}

TEST_F(TextStreamTest, StopTextsWorkAcrossTokensAndInTheThought) {
  const auto ids = tokenizer_.encode("one two\n</think>\nthree four five");
  const Shown in_answer = run(ids, true, {"e four"});
  EXPECT_EQ(in_answer.thinking, "one two");
  EXPECT_EQ(in_answer.answer, "thre");
  const Shown in_thought = run(ids, true, {" two"});
  EXPECT_EQ(in_thought.thinking, "one");
  EXPECT_EQ(in_thought.answer, "");
}

TEST_F(TextStreamTest, ForcedTextIsNotSearchedForStopTexts) {
  TextStream stream(tokenizer_, {.stops = {"\n</think>\nX", "y\n"}, .thinking_open = true});
  Shown shown;
  for (const TokenId id : tokenizer_.encode("why")) add(shown, stream.push(id));
  EXPECT_TRUE(stream.in_thought());
  for (const TokenId id : tokenizer_.encode(kThoughtEnd)) add(shown, stream.push_forced(id));
  EXPECT_FALSE(stream.in_thought());
  for (const TokenId id : tokenizer_.encode("Xyz")) add(shown, stream.push(id));
  EXPECT_FALSE(stream.stopped());
  add(shown, stream.finish());
  EXPECT_EQ(shown.thinking, "why");
  EXPECT_EQ(shown.answer, "Xyz");
}

}  // namespace
}  // namespace stapes
