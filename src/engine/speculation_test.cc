#include "engine/speculation.h"

#include <gtest/gtest.h>

namespace stapes {
namespace {

using Ids = std::vector<int64_t>;

TEST(Speculation, WhatFollowedTheSameWordsLastTime) {
  EXPECT_EQ(propose_continuation(Ids{1, 2, 3, 4, 5, 1, 2}, 2), (Ids{3, 4}));
  EXPECT_EQ(propose_continuation(Ids{1, 2, 3, 4, 5, 1, 2}, 9), (Ids{3, 4, 5, 1, 2}));
}

TEST(Speculation, TheLongestMatchCountsThenTheLast) {
  // 1 2 3 stands once before, 2 3 twice.
  EXPECT_EQ(propose_continuation(Ids{1, 2, 3, 7, 2, 3, 8, 1, 2, 3}, 1), Ids{7});
  EXPECT_EQ(propose_continuation(Ids{2, 3, 7, 2, 3, 8, 2, 3}, 1), Ids{8});
  // More than four alike count no more than four.
  EXPECT_EQ(propose_continuation(Ids{1, 2, 3, 4, 5, 7, 2, 3, 4, 5, 8, 1, 2, 3, 4, 5}, 1), Ids{8});
}

TEST(Speculation, AMatchMayOverlapTheEnd) {
  EXPECT_EQ(propose_continuation(Ids{5, 5, 5}, 4), Ids{5});
}

TEST(Speculation, NothingWithoutAMatch) {
  EXPECT_TRUE(propose_continuation(Ids{}, 4).empty());
  EXPECT_TRUE(propose_continuation(Ids{1}, 4).empty());
  EXPECT_TRUE(propose_continuation(Ids{1, 2, 3, 4}, 4).empty());
  EXPECT_TRUE(propose_continuation(Ids{1, 2, 3, 9, 2}, 4).empty());  // one token is not enough
  EXPECT_TRUE(propose_continuation(Ids{1, 2, 1, 2}, 0).empty());
}

}  // namespace
}  // namespace stapes
