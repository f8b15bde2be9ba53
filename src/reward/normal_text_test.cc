#include "reward/normal_text.h"

#include <gtest/gtest.h>

namespace stapes {
namespace {

TEST(NormalizedAnswer, IgnoresWhatDoesNotMatter) {
  EXPECT_EQ(normalized_answer("3 7 1"), "3 7 1");
  EXPECT_EQ(normalized_answer("  3,7;\n1. \n"), "3 7 1");
  EXPECT_EQ(normalized_answer("Yes."), "yes");
  EXPECT_EQ(normalized_answer("RISE"), "rise");
  EXPECT_EQ(normalized_answer(" . "), "");
  EXPECT_EQ(normalized_answer("7 ."), "7");
}

TEST(NormalizedAnswer, KeepsWhatMatters) {
  EXPECT_NE(normalized_answer("3 7 1"), normalized_answer("37 1"));
  EXPECT_NE(normalized_answer("3 7 1"), normalized_answer("3 7 1 1"));
  EXPECT_NE(normalized_answer("1.5"), normalized_answer("15"));
  EXPECT_NE(normalized_answer("11"), normalized_answer("the sum is 11"));
}

}  // namespace
}  // namespace stapes
