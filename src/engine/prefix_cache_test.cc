#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "base/rng.h"

namespace stapes {
namespace {

constexpr int64_t kPageTokens = 4;

// What a sequence of these tokens holds; one letter for each token.
std::vector<PositionContent> contents(const std::string& letters) {
  std::vector<PositionContent> all;
  for (const char letter : letters) all.push_back({.token = letter, .clip = {}});
  return all;
}

class PrefixCacheTest : public ::testing::Test {
 protected:
  explicit PrefixCacheTest(int64_t page_limit = 8)
      : pool_(*ops_, {.layers = 1, .kv_heads = 1, .head_width = 2, .page_tokens = kPageTokens},
              page_limit),
        cache_(std::in_place, pool_) {}

  struct Sequence {
    KvPageList pages;
    CachedPrefix prefix;
    int64_t read = 0;
  };
  // Takes what is cached, "computes" the rest, and keeps it.
  Sequence read(const std::string& letters) {
    Sequence sequence{KvPageList(pool_), CachedPrefix(&*cache_)};
    const auto all = contents(letters);
    const auto length = static_cast<int64_t>(letters.size());
    taken_ = sequence.prefix.take(sequence.pages, all, length);
    sequence.pages.prepare_write(taken_, length);
    sequence.prefix.keep(sequence.pages, all);
    return sequence;
  }
  // Tokens that the cache has of this.
  int64_t known(const std::string& letters) {
    KvPageList pages(pool_);
    return CachedPrefix(&*cache_).take(pages, contents(letters),
                                       static_cast<int64_t>(letters.size()));
  }

  std::unique_ptr<Ops> ops_ = make_ops(OpsLevel::kReference, 1);
  KvPagePool pool_;
  std::optional<PrefixCache> cache_;
  int64_t taken_ = 0;
};

TEST_F(PrefixCacheTest, FullPagesAreFoundAgain) {
  const Sequence first = read("abcdefghij");
  EXPECT_EQ(taken_, 0);
  EXPECT_EQ(cache_->pages(), 2);
  const Sequence second = read("abcdefghxyz");
  EXPECT_EQ(taken_, 8);
  EXPECT_EQ(second.pages.pages()[1], first.pages.pages()[1]);
  EXPECT_NE(second.pages.pages()[2], first.pages.pages()[2]);
  EXPECT_EQ(known("abcdefgh"), 8);
  EXPECT_EQ(known("abcdefg"), 4);
}

TEST_F(PrefixCacheTest, WhatComesBeforeCounts) {
  read("abcdefgh");
  EXPECT_EQ(known("efghabcd"), 0);
  EXPECT_EQ(known("xbcdefgh"), 0);
}

TEST_F(PrefixCacheTest, AnotherSoundIsAnotherContent) {
  auto sound = contents("pppp");
  for (size_t i = 0; i < sound.size(); ++i) {
    sound[i].audio_row = static_cast<int64_t>(i);
    sound[i].clip = {1, 2};
  }
  KvPageList pages(pool_);
  pages.prepare_write(0, 4);
  CachedPrefix(&*cache_).keep(pages, sound);
  const auto known_sound = [&] {
    KvPageList none(pool_);
    return CachedPrefix(&*cache_).take(none, sound, 4);
  };
  EXPECT_EQ(known_sound(), 4);
  EXPECT_EQ(known("pppp"), 0);
  sound[3].clip = {1, 3};
  EXPECT_EQ(known_sound(), 0);
  sound[3].clip = {1, 2};
  sound[3].audio_row = 5;
  EXPECT_EQ(known_sound(), 0);
}

TEST_F(PrefixCacheTest, EqualPagesComputedTwiceAreHeldOnce) {
  Sequence first{KvPageList(pool_), CachedPrefix(&*cache_)};
  first.pages.prepare_write(0, 8);
  Sequence second = read("abcdefgh");
  first.prefix.keep(first.pages, contents("abcdefgh"));
  EXPECT_EQ(first.pages.pages()[0], second.pages.pages()[0]);
  EXPECT_EQ(first.pages.pages()[1], second.pages.pages()[1]);
  EXPECT_EQ(pool_.pages_in_use(), 2);
}

TEST_F(PrefixCacheTest, PagesStayAfterTheirSequence) {
  read("abcdefghij");
  EXPECT_EQ(pool_.pages_in_use(), 2);
  EXPECT_EQ(known("abcdefghij"), 8);
  cache_.reset();
  EXPECT_EQ(pool_.pages_in_use(), 0);
}

TEST_F(PrefixCacheTest, TheLeastRecentlyUsedGoesFirstLeavesBeforeParents) {
  read("aaaabbbbcccc");  // 3 pages
  read("aaaadddd");      // 1 more
  read("eeeeffff");      // 2 more
  EXPECT_EQ(known("aaaabbbb"), 8);
  EXPECT_EQ(cache_->pages(), 6);
  ASSERT_TRUE(cache_->evict());  // the last page of the first text
  EXPECT_EQ(known("aaaabbbbcccc"), 8);
  ASSERT_TRUE(cache_->evict());
  EXPECT_EQ(known("aaaadddd"), 4);
  ASSERT_TRUE(cache_->evict());
  EXPECT_EQ(known("eeeeffff"), 4);
  EXPECT_EQ(known("aaaabbbb"), 8);
}

TEST_F(PrefixCacheTest, WhatIsHeldIsNotGivenUp) {
  const Sequence held = read("aaaabbbb");
  read("aaaacccc");
  EXPECT_TRUE(cache_->evict());
  EXPECT_FALSE(cache_->evict());
  EXPECT_EQ(known("aaaabbbb"), 8);
  EXPECT_EQ(known("aaaacccc"), 4);
}

// Whatever happens: live sequences that fit get their pages, and the cache tells the truth.
TEST_F(PrefixCacheTest, AFullPoolAlwaysServesWhatFits) {
  Rng rng(5);
  std::vector<Sequence> live;
  for (int round = 0; round < 3000; ++round) {
    if (live.size() == 2) live.erase(live.begin() + rng.integer(0, 1));
    std::string letters;
    const int64_t length = rng.integer(1, 16);  // at most 4 pages of the 8
    for (int64_t i = 0; i < length; ++i) letters += "ab"[rng.chance(0.2) ? 1 : 0];
    live.push_back(read(letters));
    ASSERT_LE(pool_.pages_in_use(), 8);
    ASSERT_GE(known(letters), taken_);
  }
}

}  // namespace
}  // namespace stapes
