#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "stapes/error.h"
#include "text/utf8.h"

namespace stapes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> pieces_of(const std::string& text,
                                   std::string_view pattern = kQwen2Pattern) {
  std::vector<std::string> pieces;
  PreTokenizer(pattern, "test").split(text, [&](std::string_view piece) {
    pieces.emplace_back(piece);
  });
  return pieces;
}

TEST(PreTokenizer, CutsAsQwen2Does) {
  EXPECT_THAT(pieces_of("Hello world, it's 42!\n"),
              ElementsAre("Hello", " world", ",", " it", "'s", " ", "4", "2", "!\n"));
  EXPECT_THAT(pieces_of("a  b \n\n c"), ElementsAre("a", " ", " b", " \n\n", " c"));
  EXPECT_THAT(pieces_of("I'LL"), ElementsAre("I", "'LL"));
  EXPECT_THAT(pieces_of("中文。абв"), ElementsAre("中文", "。абв"));
  EXPECT_THAT(pieces_of("x   "), ElementsAre("x", "   "));
  EXPECT_THAT(pieces_of(""), ElementsAre());
}

// White space is what Unicode says, not what PCRE2's \s is.
TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
  EXPECT_THAT(pieces_of("\u0085\u0085!"), ElementsAre("\u0085", "\u0085", "!"));
  EXPECT_THAT(pieces_of("\u180e\u180e!"), ElementsAre("\u180e\u180e!"));
  EXPECT_THAT(pieces_of("\u200b!"), ElementsAre("\u200b!"));
  EXPECT_THAT(pieces_of(R"(\s)", R"(\\s)"), ElementsAre(R"(\s)"));  // an escaped backslash and an s
}

TEST(PreTokenizer, KeepsWhatThePatternLeavesOut) {
  EXPECT_THAT(pieces_of("1a22bc", "[a-z]"), ElementsAre("1", "a", "22", "b", "c"));
  EXPECT_THAT(pieces_of("äöä", "x*"), ElementsAre("äöä"));  // empty matches only
}

TEST(PreTokenizer, LosesNoByte) {
  Rng rng(7);
  const std::vector<std::string> bits = {"a",  "É",      "中",     " ",         "\n", "\r",
                                         "\t", "'",      "s",      "1",         "٣",  "!",
                                         "-",  "\u00a0", "\u0301", "\U0001f600"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int64_t i = rng.integer(0, 30); i > 0; --i) text += rng.pick(bits);
    std::string joined;
    for (const std::string& piece : pieces_of(text)) {
      EXPECT_FALSE(piece.empty());
      EXPECT_TRUE(is_valid_utf8(piece));
      joined += piece;
    }
    ASSERT_EQ(joined, text);
  }
}

TEST(PreTokenizer, LongRunsNeitherOverflowNorTakeForever) {
  constexpr size_t kLength = 1'000'000;
  EXPECT_EQ(pieces_of(std::string(kLength, 'a')).size(), 1u);
  EXPECT_EQ(pieces_of(std::string(kLength, '!')).size(), 1u);
  EXPECT_EQ(pieces_of(std::string(kLength, '\n')).size(), 1u);
  EXPECT_EQ(pieces_of(std::string(kLength, ' ') + "a").size(), 2u);
  EXPECT_EQ(pieces_of(std::string(kLength, '1')).size(), kLength);
}

TEST(PreTokenizer, BadPatternsAreNamed) {
  try {
    PreTokenizer("(", "some.json");
    FAIL() << "the pattern should not compile";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    EXPECT_THAT(error.what(),
                HasSubstr("some.json: the pre-tokenizer's pattern \"(\" does not compile"));
  }
}

TEST(PreTokenizer, EndlessPatternsGiveUp) {
  const PreTokenizer pre_tokenizer("(?:(?:a|a)*)*[bc]", "some.json");
  try {
    pre_tokenizer.split(std::string(60, 'a'), [](std::string_view) {});
    FAIL() << "the pattern should give up";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    EXPECT_THAT(error.what(), HasSubstr("the pre-tokenizer's pattern gave up at byte 0 of 60"));
  }
}

}  // namespace
}  // namespace stapes
