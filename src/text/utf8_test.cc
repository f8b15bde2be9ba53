#include "text/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"

namespace stapes {
namespace {

const std::string kReplacement = "\xef\xbf\xbd";

std::string decode_in_pieces(const std::vector<std::string_view>& pieces) {
  Utf8Stream stream;
  std::string text;
  for (const std::string_view piece : pieces) text += stream.push(piece);
  return text + stream.finish();
}

TEST(Utf8, EveryCharacterSurvivesTheRoundTrip) {
  for (char32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    std::string text;
    append_utf8(text, code_point);
    const Utf8Step step = utf8_step(text, 0);
    ASSERT_TRUE(step.valid) << static_cast<uint32_t>(code_point);
    ASSERT_EQ(step.code_point, code_point);
    ASSERT_EQ(step.length_bytes, text.size());
  }
}

// Of all 2^16 two-byte texts, the valid ones are exactly those made of two ASCII characters or one
// character of two bytes (0x80 to 0x7ff).
TEST(Utf8, TwoByteTextsAreCountedRight) {
  int valid = 0;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      valid += is_valid_utf8(std::string{static_cast<char>(first), static_cast<char>(second)});
    }
  }
  EXPECT_EQ(valid, 128 * 128 + (0x800 - 0x80));
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  const size_t none = std::string::npos;
  EXPECT_EQ(find_invalid_utf8(""), none);
  EXPECT_EQ(find_invalid_utf8("plain text longer than a word"), none);
  EXPECT_EQ(find_invalid_utf8("\xf4\x8f\xbf\xbf"), none);    // U+10FFFF
  EXPECT_EQ(find_invalid_utf8("12345678\xff"), 8u);          // never a byte of UTF-8
  EXPECT_EQ(find_invalid_utf8("a\xc0\xaf"), 1u);             // overlong
  EXPECT_EQ(find_invalid_utf8("ab\xed\xa0\x80"), 2u);        // surrogate
  EXPECT_EQ(find_invalid_utf8("abc\xf4\x90\x80\x80"), 3u);   // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xe4\xb8\xad\xe4\xb8"), 3u);  // cut short
  EXPECT_EQ(find_invalid_utf8(std::string("\0\x80", 2)), 1u);
}

// What Python prints for bytes.decode("utf-8", errors="replace").
TEST(Utf8Stream, ReplacesAsPythonDoes) {
  const std::string& r = kReplacement;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\xf0\x9f\x98", r},
      {"\xf0\x28", r + "("},
      {"\xed\xa0\x80", r + r + r},
      {"\xc0\xaf", r + r},
      {"\xe2\x82", r},
      {"\xe2\x82\x41", r + "A"},
      {"\xf4\x90\x80\x80", r + r + r + r},
      {"\xf1\x80\x80\xe1\x80\xc2", r + r + r},
      {"a\xff\x80z", "a" + r + r + "z"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(decode_in_pieces({bytes}), expected) << testing::PrintToString(bytes);
  }
}

TEST(Utf8Stream, NeverHandsOutHalfACharacter) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xf0\x9f"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80z"), "\xf0\x9f\x98\x80z");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Utf8Stream, DoesNotDependOnTheCuts) {
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    const int64_t length = rng.integer(0, 12);
    for (int64_t i = 0; i < length; ++i) {
      // Mostly bytes that begin or continue characters, so that beginnings and breaks are frequent.
      bytes += static_cast<char>(rng.chance(0.8) ? rng.integer(0x80, 0xf5) : rng.integer(0, 255));
    }
    const std::string whole = decode_in_pieces({bytes});
    EXPECT_TRUE(is_valid_utf8(whole));
    const std::string_view view = bytes;
    for (size_t i = 0; i <= bytes.size(); ++i) {
      for (size_t j = i; j <= bytes.size(); ++j) {
        ASSERT_EQ(decode_in_pieces({view.substr(0, i), view.substr(i, j - i), view.substr(j)}),
                  whole);
      }
    }
  }
}

}  // namespace
}  // namespace stapes
