// Keys and values in integers: what is read is what was written, but for half a step of its scale.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "ops/kv_slot.h"
#include "ops/test_support.h"

namespace stapes {
namespace {

constexpr int64_t kHeads = 2;
constexpr int64_t kPageTokens = 16;

// Two pages of one layer.
class IntegerPages {
 public:
  IntegerPages(DType dtype, int64_t width) : width_(width) {
    const int64_t keys = kHeads * key_plane_bytes(dtype, width, kPageTokens);
    const int64_t page = keys + kHeads * value_plane_bytes(dtype, width, kPageTokens);
    memory_.resize(static_cast<size_t>(2 * page / 4));
    auto* bytes = reinterpret_cast<std::byte*>(memory_.data());
    pages_ = {bytes, bytes + page};
    kv_ = {.pages = pages_,
           .dtype = dtype,
           .page_tokens = kPageTokens,
           .key_offset_bytes = 0,
           .value_offset_bytes = keys};
  }
  IntegerPages(const IntegerPages&) = delete;
  IntegerPages& operator=(const IntegerPages&) = delete;

  void write(int64_t token, const std::vector<float>& k, const std::vector<float>& v) {
    write_kv_row(kv_, kHeads, width_, token, k.data(), v.data());
  }
  std::vector<float> key(int64_t head, int64_t token) const { return read(read_key, head, token); }
  std::vector<float> value(int64_t head, int64_t token) const {
    return read(read_value, head, token);
  }

 private:
  template <typename Read>
  std::vector<float> read(const Read& read, int64_t head, int64_t token) const {
    std::vector<float> row(static_cast<size_t>(width_));
    read(KvSlot{.kv = &kv_, .head = head, .head_width = width_}, token, row.data());
    return row;
  }

  int64_t width_;
  std::vector<float> memory_;
  std::vector<std::byte*> pages_;
  KvPages kv_;
};

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Each of `count` values from `first` on is within half a step of their common scale (and its
// rounding in f32).
void expect_near(std::span<const float> stored, std::span<const float> values, size_t first,
                 size_t count, float limit) {
  const float step = largest_of(values.subspan(first, count)) / limit;
  for (size_t i = first; i < first + count; ++i)
    EXPECT_LE(std::abs(stored[i] - values[i]), step * 0.501F) << "component " << i;
}

std::vector<std::pair<DType, int64_t>> slot_cases() {
  std::vector<std::pair<DType, int64_t>> all;
  for (const DType dtype : {DType::kI8, DType::kI16}) {
    for (const int64_t width : {1, 31, 32, 40, 128}) all.emplace_back(dtype, width);
  }
  return all;
}

TEST(KvSlot, IntegersAreWithinHalfAStep) {
  for (const auto& [dtype, width] : slot_cases()) {
    IntegerPages pages(dtype, width);
    const float limit = dtype == DType::kI8 ? 127 : 8191;
    Rng rng(1);
    const int64_t tokens = 19;  // into the second page
    const std::vector<float> k = testing::random_values(rng, tokens * kHeads * width);
    const std::vector<float> v = testing::random_values(rng, tokens * kHeads * width);
    const auto row = [&](const std::vector<float>& of, int64_t token, int64_t head, int64_t heads) {
      const auto* first = of.data() + (token * kHeads + head) * width;
      return std::vector<float>(first, first + heads * width);
    };
    for (int64_t t = 0; t < tokens; ++t) pages.write(t, row(k, t, 0, kHeads), row(v, t, 0, kHeads));
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t head = 0; head < kHeads; ++head) {
        const std::vector<float> key = row(k, t, head, 1);
        for (int64_t block = 0; block < width; block += kKeyScaleBlock) {
          expect_near(pages.key(head, t), key, static_cast<size_t>(block),
                      static_cast<size_t>(std::min(kKeyScaleBlock, width - block)), limit);
        }
        expect_near(pages.value(head, t), row(v, t, head, 1), 0, static_cast<size_t>(width), limit);
      }
    }
  }
}

// The largest keys of Qwen2 models stand in a few components; the others must not pay for it.
TEST(KvSlot, AnOutlyingComponentCostsItsOwnBlockOnly) {
  IntegerPages pages(DType::kI8, 64);
  std::vector<float> k(kHeads * 64, 0.01F);
  k[3] = 300.0F;
  pages.write(0, k, k);
  const std::vector<float> key = pages.key(0, 0);
  EXPECT_FLOAT_EQ(key[3], 300.0F);
  EXPECT_EQ(key[4], 0.0F);
  EXPECT_FLOAT_EQ(key[40], 0.01F);
  EXPECT_FLOAT_EQ(pages.key(1, 0)[3], 0.01F);
}

TEST(KvSlot, ZerosStayZero) {
  for (const auto& [dtype, width] : slot_cases()) {
    IntegerPages pages(dtype, width);
    const std::vector<float> zeros(static_cast<size_t>(kHeads * width), 0.0F);
    const std::vector<float> one_head(static_cast<size_t>(width), 0.0F);
    pages.write(17, zeros, zeros);
    EXPECT_EQ(pages.key(1, 17), one_head);
    EXPECT_EQ(pages.value(1, 17), one_head);
  }
}

}  // namespace
}  // namespace stapes
