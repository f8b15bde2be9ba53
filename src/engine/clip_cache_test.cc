#include "engine/clip_cache.h"

#include <gtest/gtest.h>

#include "engine/testing/requests.h"

namespace stapes {
namespace {

ContentHash clip(uint64_t seed) {
  return hash_of_samples(testing::noise(0.1, seed).samples);
}

ClipRows rows(int64_t count) {
  return std::make_shared<const Tensor>(Shape{count, 8});  // 32 bytes each
}

TEST(ContentHash, ChangesWithEverySample) {
  AudioClip sound = testing::noise(1, 1);
  const ContentHash before = hash_of_samples(sound.samples);
  EXPECT_EQ(hash_of_samples(testing::noise(1, 1).samples), before);
  sound.samples.back() += 1e-6F;
  EXPECT_NE(hash_of_samples(sound.samples), before);
  sound.samples.pop_back();
  EXPECT_NE(hash_of_samples(sound.samples), before);
}

TEST(ContentHash, ChangesWithWhatCameBefore) {
  const auto bytes = std::as_bytes(std::span("abc"));
  EXPECT_NE(hash_of(clip(1), bytes), hash_of(clip(2), bytes));
  EXPECT_EQ(hash_of(clip(1), bytes), hash_of(clip(1), bytes));
}

TEST(ClipCache, TheClipUsedLeastRecentlyGoesFirst) {
  ClipCache cache(3 * 32);
  for (uint64_t i = 1; i <= 3; ++i) cache.insert(clip(i), rows(1));
  EXPECT_NE(cache.find(clip(1)), nullptr);
  cache.insert(clip(4), rows(2));  // takes the places of 2 and 3
  EXPECT_EQ(cache.bytes(), 3 * 32);
  EXPECT_NE(cache.find(clip(1)), nullptr);
  EXPECT_EQ(cache.find(clip(2)), nullptr);
  EXPECT_EQ(cache.find(clip(3)), nullptr);
  EXPECT_EQ(cache.find(clip(4))->dim(0), 2);
}

TEST(ClipCache, WhatIsLargerThanTheLimitIsNotKept) {
  ClipCache cache(3 * 32);
  cache.insert(clip(1), rows(1));
  cache.insert(clip(2), rows(4));
  EXPECT_NE(cache.find(clip(1)), nullptr);
  EXPECT_EQ(cache.find(clip(2)), nullptr);
  ClipCache none(0);
  none.insert(clip(1), rows(1));
  EXPECT_EQ(none.find(clip(1)), nullptr);
}

TEST(ClipCache, TheSameClipTwiceIsKeptOnce) {
  ClipCache cache(1000);
  cache.insert(clip(1), rows(1));
  cache.insert(clip(1), rows(1));
  EXPECT_EQ(cache.bytes(), 32);
}

}  // namespace
}  // namespace stapes
