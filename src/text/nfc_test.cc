#include "text/nfc.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <array>
#include <string>

#include "text/utf8.h"

namespace stapes {
namespace {

TEST(Nfc, ComposesAndReorders) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(to_nfc("o\u0302\u0323"), "\u1ed9");       // marks are put in order first
  EXPECT_EQ(to_nfc("\u212b"), "\u00c5");              // Angstrom sign
  EXPECT_EQ(to_nfc("\u1100\u1161\u11a8"), "\uac01");  // Hangul jamo
  EXPECT_EQ(to_nfc("\uac00\u11a8"), "\uac01");
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093c");  // excluded from composition
  EXPECT_EQ(to_nfc("\u304b\u3099"), "\u304c");
  EXPECT_EQ(to_nfc(std::string("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_EQ(to_nfc("\ufb01 \u00bd"), "\ufb01 \u00bd");  // compatibility forms stay
}

// Inert must mean: unchanged by itself, of combining class 0 (else marks could move past it), and
// never the second part of a composition. If no decomposition of any character holds it in second
// place, then nothing can compose with what stands before it.
TEST(Nfc, InertCharactersAreInert) {
  int inert = 0;
  for (char32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    std::array<utf8proc_int32_t, 32> parts;
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code_point), parts.data(),
        static_cast<utf8proc_ssize_t>(parts.size()), UTF8PROC_DECOMPOSE, &boundary);
    ASSERT_GT(count, 0);
    for (size_t i = 1; i < static_cast<size_t>(count); ++i) {
      EXPECT_FALSE(is_nfc_inert(static_cast<char32_t>(parts[i]))) << parts[i];
    }
    if (!is_nfc_inert(code_point)) continue;
    ++inert;
    EXPECT_EQ(utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class, 0);
    std::string text;
    append_utf8(text, code_point);
    EXPECT_EQ(to_nfc(text), text) << static_cast<uint32_t>(code_point);
  }
  EXPECT_GT(inert, 30000);
}

TEST(Nfc, TheFastWayEqualsTheSlowWay) {
  for (const char* text : {"", "plain", "caf\u00e9 \u4e2d\u6587 \uac00 \U0001f600", "e\u0301",
                           "\u4e2d\u0301", "\uac00\u11a8", "\u304b\u3099"}) {
    std::string storage;
    EXPECT_EQ(to_nfc(text, storage), to_nfc(text));
  }
  const std::string unchanged = "caf\u00e9 \u4e2d\u6587";
  std::string storage;
  EXPECT_EQ(to_nfc(unchanged, storage).data(), unchanged.data());
}

}  // namespace
}  // namespace stapes
