#include "text/think_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"

namespace stapes {
namespace {

using testing::ElementsAre;

struct Case {
  const char* name;
  bool open;
  std::string text;
  std::string thinking;
  std::string answer;
  bool closed;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"nothing", true, "", "", "", false},
      {"nothing, not open", false, "", "", "", false},
      {"open in the prompt", true, "\nI hear two.\n</think>\n\nTwo.", "I hear two.", "Two.", true},
      {"opened in the text", false, "<think>\nI hear two.\n</think>\nTwo.", "I hear two.", "Two.",
       true},
      {"newlines before it", false, "\n\n<think>x</think>y", "x", "y", true},
      {"start repeated after the prompt's", true, "<think>\nx\n</think>\ny", "x", "y", true},
      {"other spelling", false, "<|THINK_START|>x<|THINK_END|>y", "x", "y", true},
      {"spellings mixed", true, "x<|THINK_END|>y</think>", "x", "y</think>", true},
      {"end missing", true, "I hear a\n\nloop\n\n", "I hear a\n\nloop", "", false},
      {"end missing, not open", false, "Two.\n", "", "Two.\n", false},
      {"empty thought", true, "\n</think>\nTwo.", "", "Two.", true},
      {"empty thought opened", false, "<think>\n\n</think>\n\nTwo.", "", "Two.", true},
      {"empty answer", true, "x</think>\n\n", "x", "", true},
      {"newlines inside stay", true, "a\n\n\nb\n</think>\nc\n\nd\n", "a\n\n\nb", "c\n\nd\n", true},
      {"spaces stay", true, " a \n </think> b ", " a \n ", " b ", true},
      {"wrapper", true, "x</think>\n<RESPONSE>\nTwo.\n</RESPONSE>\n", "x", "Two.", true},
      {"wrapper without thought", false, "<RESPONSE>Two.</RESPONSE>", "", "Two.", false},
      {"wrapper unclosed", true, "x</think><RESPONSE>Two.\n", "x", "Two.", true},
      {"wrapper empty", true, "x</think><RESPONSE>\n\n</RESPONSE>", "x", "", true},
      {"text after the wrapper", true, "x</think><RESPONSE>a\n</RESPONSE>\nb\n", "x", "a\nb", true},
      {"wrapper's end alone is text", true, "x</think>a</RESPONSE>", "x", "a</RESPONSE>", true},
      {"wrapper later is text", true, "x</think>a <RESPONSE>b</RESPONSE>", "x",
       "a <RESPONSE>b</RESPONSE>", true},
      {"markers in the answer are text", true, "x</think>say <think>a</think>", "x",
       "say <think>a</think>", true},
      {"start inside the thought is text", true, "a <think> b</think>c", "a <think> b", "c", true},
      {"answer then thought", false, "Hi <think>a</think>", "", "Hi <think>a</think>", false},
      {"end without a thought is text", false, "</think>a", "", "</think>a", false},
      {"almost markers", true, "< </ </thin </thinks> <</think>>a", "< </ </thin </thinks> <", ">a",
       true},
      {"unfinished at the end", true, "a\n</thin", "a\n</thin", "", false},
      {"unfinished start at the end", false, "<thi", "", "<thi", false},
      {"unfinished wrapper at the end", true, "a</think><RESP", "a", "<RESP", true},
      {"newlines before an almost marker", true, "a\n\n</thinx>\n</think>b", "a\n\n</thinx>", "b",
       true},
      {"capitals are text", true, "a</THINK>b", "a</THINK>b", "", false},
      {"many bytes", true, "両方の音\n\U0001f3b5</think>\n答えは「三」\n", "両方の音\n\U0001f3b5",
       "答えは「三」\n", true},
      {"two starts of an end", true, "a<</thi</think></think>b", "a<</thi", "</think>b", true},
  };
  return kCases;
}

ThinkingAndAnswer split_in_pieces(bool open, const std::vector<std::string_view>& pieces) {
  ThinkSplitter splitter(open);
  ThinkingAndAnswer result;
  bool was_answering = false;
  const auto add = [&](const std::vector<SectionDelta>& deltas) {
    for (const SectionDelta& delta : deltas) {
      EXPECT_FALSE(delta.text.empty());
      // Once the answer has begun, no thinking follows.
      EXPECT_FALSE(was_answering && delta.section == Section::kThinking);
      was_answering = was_answering || delta.section == Section::kAnswer;
      (delta.section == Section::kThinking ? result.thinking : result.answer) += delta.text;
    }
  };
  for (const std::string_view piece : pieces) add(splitter.push(piece));
  add(splitter.finish());
  EXPECT_TRUE(splitter.answering() || !was_answering);
  result.closed = splitter.closed();
  return result;
}

void expect_equal(const ThinkingAndAnswer& actual, const ThinkingAndAnswer& expected) {
  ASSERT_EQ(actual.thinking, expected.thinking);
  ASSERT_EQ(actual.answer, expected.answer);
  ASSERT_EQ(actual.closed, expected.closed);
}

void expect_cuts_not_to_matter(bool open, std::string_view text) {
  const ThinkingAndAnswer whole = split_thinking(text, open);
  for (size_t i = 0; i <= text.size(); ++i) {
    for (size_t j = i; j <= text.size(); ++j) {
      expect_equal(
          split_in_pieces(open, {text.substr(0, i), text.substr(i, j - i), text.substr(j)}), whole);
    }
  }
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  expect_equal(split_in_pieces(open, bytes), whole);
}

TEST(ThinkSplitter, SplitsEveryCase) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const ThinkingAndAnswer result = split_thinking(c.text, c.open);
    EXPECT_EQ(result.thinking, c.thinking);
    EXPECT_EQ(result.answer, c.answer);
    EXPECT_EQ(result.closed, c.closed);
  }
}

TEST(ThinkSplitter, CutsDoNotMatter) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    expect_cuts_not_to_matter(c.open, c.text);
    expect_cuts_not_to_matter(!c.open, c.text);
  }
}

TEST(ThinkSplitter, CutsDoNotMatterInRandomMixtures) {
  const std::vector<std::string> bits = {"<think>",
                                         "</think>",
                                         "<|THINK_START|>",
                                         "<|THINK_END|>",
                                         "<RESPONSE>",
                                         "</RESPONSE>",
                                         "\n",
                                         "\n\n",
                                         "<",
                                         "</",
                                         "</thin",
                                         "<|",
                                         "ab",
                                         "é",
                                         "🎵",
                                         " "};
  Rng rng(3);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (int64_t i = rng.integer(0, 6); i > 0; --i) text += rng.pick(bits);
    SCOPED_TRACE(text);
    expect_cuts_not_to_matter(rng.chance(0.5), text);
  }
}

TEST(ThinkSplitter, HoldsBackOnlyWhatMayBecomeAMarker) {
  ThinkSplitter splitter(true);
  EXPECT_THAT(splitter.push("ab<"), ElementsAre(SectionDelta{Section::kThinking, "ab"}));
  EXPECT_THAT(splitter.push("/thin"), ElementsAre());
  EXPECT_THAT(splitter.push("g"), ElementsAre(SectionDelta{Section::kThinking, "</thing"}));
  EXPECT_THAT(splitter.push("\n"), ElementsAre());
  EXPECT_FALSE(splitter.answering());
  EXPECT_THAT(splitter.push("</think>"), ElementsAre());
  EXPECT_TRUE(splitter.answering());
  EXPECT_THAT(splitter.push("<b"), ElementsAre(SectionDelta{Section::kAnswer, "<b"}));
  // In the answer nothing is held back any more.
  EXPECT_THAT(splitter.push("\n<"), ElementsAre(SectionDelta{Section::kAnswer, "\n<"}));
  EXPECT_THAT(splitter.finish(), ElementsAre());
}

TEST(ThinkSplitter, OnePushMayHoldBothSections) {
  ThinkSplitter splitter(true);
  EXPECT_THAT(splitter.push("a</think>b"), ElementsAre(SectionDelta{Section::kThinking, "a"},
                                                       SectionDelta{Section::kAnswer, "b"}));
}

TEST(ThinkSplitter, TheLastMarkerOfThePromptDecides) {
  EXPECT_FALSE(ThinkSplitter::thinking_open_after(""));
  EXPECT_FALSE(ThinkSplitter::thinking_open_after("no marker <thin"));
  EXPECT_TRUE(ThinkSplitter::thinking_open_after("assistant\n<think>\n"));
  EXPECT_FALSE(ThinkSplitter::thinking_open_after("<think>\n\n</think>\n"));
  EXPECT_TRUE(ThinkSplitter::thinking_open_after("<think>a</think>b<|THINK_START|>c"));
  EXPECT_FALSE(ThinkSplitter::thinking_open_after("<|THINK_START|>a<think>b<|THINK_END|>"));
}

TEST(WithoutThinking, CutsThroughTheLastEndMarker) {
  EXPECT_EQ(without_thinking("plain\n"), "plain\n");
  EXPECT_EQ(without_thinking("<think>a</think>\n\nb\n"), "b\n");
  EXPECT_EQ(without_thinking("<think>a</think>b<|THINK_END|>\nc"), "c");
  EXPECT_EQ(without_thinking("a</think>\n"), "");
}

}  // namespace
}  // namespace stapes
