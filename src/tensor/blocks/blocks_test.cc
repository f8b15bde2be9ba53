// Each format by hand: a block whose values follow from its bytes, and the error against the plain
// rule (extreme value to last level), written here once more, slowly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

constexpr int64_t kWeights = 256;           // whole blocks of every format
constexpr uint8_t kHalf[2] = {0x00, 0x38};  // 0.5 as f16
constexpr uint8_t kTwo[2] = {0x00, 0x40};   // 2.0

std::vector<float> dequantized(DType dtype, const std::vector<uint8_t>& bytes) {
  std::vector<std::byte> block(bytes.size());
  std::memcpy(block.data(), bytes.data(), bytes.size());
  const BlockFormat format = block_format(dtype);
  EXPECT_EQ(block.size(), static_cast<size_t>(format.bytes));
  std::vector<float> values(static_cast<size_t>(format.weights));
  dequantize_row(dtype, block, values);
  return values;
}

TEST(Blocks, Q8_0ByHand) {
  std::vector<uint8_t> block = {kHalf[0], kHalf[1]};
  for (int i = 0; i < 32; ++i) block.push_back(static_cast<uint8_t>(i - 16));
  const std::vector<float> values = dequantized(DType::kQ8_0, block);
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(values[i], 0.5F * (static_cast<float>(i) - 16));
}

TEST(Blocks, Q4_0ByHand) {
  std::vector<uint8_t> block = {kHalf[0], kHalf[1]};
  // Byte i holds weight i (low nibble: i) and weight i + 16 (high nibble: 15 - i).
  for (int i = 0; i < 16; ++i) block.push_back(static_cast<uint8_t>(i | (15 - i) << 4));
  const std::vector<float> values = dequantized(DType::kQ4_0, block);
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(values[i], 0.5F * (static_cast<float>(i) - 8));
    EXPECT_EQ(values[i + 16], 0.5F * (7 - static_cast<float>(i)));
  }
}

// Scales 33 to 40 and minima 1 to 8: both halves of the 6-bit numbers are in use.
TEST(Blocks, Q4_KByHand) {
  std::vector<uint8_t> block = {kHalf[0], kHalf[1], kTwo[0], kTwo[1]};
  // 37 = 2 * 16 + 5: its top two bits are the top two of byte 0, its low four the low of byte 8.
  for (int i = 0; i < 4; ++i) block.push_back(static_cast<uint8_t>((33 + i) | 2 << 6));
  for (int i = 0; i < 4; ++i) block.push_back(static_cast<uint8_t>(1 + i));
  for (int i = 0; i < 4; ++i) block.push_back(static_cast<uint8_t>((5 + i) | (5 + i) << 4));
  // Groups 0, 2, 4, 6 in the low nibbles (level 3), the others in the high ones (level 9).
  block.resize(144, 0x93);
  const std::vector<float> values = dequantized(DType::kQ4_K, block);
  for (size_t i = 0; i < 256; ++i) {
    const auto group = static_cast<float>(i / 32);
    const float level = i / 32 % 2 == 0 ? 3 : 9;
    EXPECT_EQ(values[i], 0.5F * (33 + group) * level - 2.0F * (1 + group)) << i;
  }
}

TEST(Blocks, Q6_KByHand) {
  std::vector<uint8_t> block;
  // Of each 128 weights the four runs of 32 get the low bits 1, 2, 3, 4 and the high bits 0 to 3.
  for (int half = 0; half < 2; ++half) {
    block.insert(block.end(), 32, 0x31);
    block.insert(block.end(), 32, 0x42);
  }
  block.insert(block.end(), 64, 0xe4);
  for (int group = 0; group < 16; ++group) block.push_back(static_cast<uint8_t>(group - 8));
  block.insert(block.end(), {kHalf[0], kHalf[1]});
  const std::vector<float> values = dequantized(DType::kQ6_K, block);
  for (size_t i = 0; i < 256; ++i) {
    const auto quarter = static_cast<float>(i % 128 / 32);
    const float level = 1 + quarter + 16 * quarter - 32;
    EXPECT_EQ(values[i], 0.5F * (static_cast<float>(i / 16) - 8) * level) << i;
  }
}

float as_f16(double value) {
  return f16_to_f32(f32_to_f16(static_cast<float>(value)));
}

// sum of (x - (d * level - offset))^2 with the nearest level of [low, high].
double level_error(const float* x, size_t count, double d, double offset, double low, double high) {
  double error = 0;
  for (size_t i = 0; i < count; ++i) {
    const double level = d == 0 ? 0 : std::clamp(std::round((x[i] + offset) / d), low, high);
    const double off = x[i] - (d * level - offset);
    error += off * off;
  }
  return error;
}

float extreme(const float* x, size_t count) {
  return *std::max_element(x, x + count,
                           [](float a, float b) { return std::abs(a) < std::abs(b); });
}

double plain_error_q4_k(const float* x) {
  double scales[8], minima[8], largest_scale = 0, largest_minimum = 0;
  for (size_t g = 0; g < 8; ++g) {
    const auto [low, high] = std::minmax_element(x + 32 * g, x + 32 * g + 32);
    minima[g] = -std::min(*low, 0.0F);
    scales[g] = (std::max(*high, 0.0F) + minima[g]) / 15;
    if (*high < 0) scales[g] = (*high + minima[g]) / 15;
    largest_scale = std::max(largest_scale, scales[g]);
    largest_minimum = std::max(largest_minimum, minima[g]);
  }
  const double d = as_f16(largest_scale / 63), dmin = as_f16(largest_minimum / 63);
  double error = 0;
  for (size_t g = 0; g < 8; ++g) {
    const double scale = d == 0 ? 0 : d * std::min(std::round(scales[g] / d), 63.0);
    const double minimum = dmin == 0 ? 0 : dmin * std::min(std::round(minima[g] / dmin), 63.0);
    error += level_error(x + 32 * g, 32, scale, minimum, 0, 15);
  }
  return error;
}

double plain_error_q6_k(const float* x) {
  double scales[16], largest = 0;
  for (size_t g = 0; g < 16; ++g) {
    scales[g] = extreme(x + 16 * g, 16) / -32.0;
    if (std::abs(scales[g]) > std::abs(largest)) largest = scales[g];
  }
  const double d = as_f16(largest / -128);
  double error = 0;
  for (size_t g = 0; g < 16; ++g) {
    const double scale = d == 0 ? 0 : d * std::clamp(std::round(scales[g] / d), -128.0, 127.0);
    error += level_error(x + 16 * g, 16, scale, 0, -32, 31);
  }
  return error;
}

// The squared error of kWeights values under the plain rule.
double plain_error(DType dtype, const float* x) {
  if (dtype == DType::kQ4_K) return plain_error_q4_k(x);
  if (dtype == DType::kQ6_K) return plain_error_q6_k(x);
  double error = 0;
  for (size_t block = 0; block < kWeights; block += 32) {
    const double largest = extreme(x + block, 32);
    error += dtype == DType::kQ8_0
                 ? level_error(x + block, 32, as_f16(std::abs(largest) / 127), 0, -127, 127)
                 : level_error(x + block, 32, as_f16(largest / -8), 0, -8, 7);
  }
  return error;
}

struct Values {
  const char* name;
  std::function<double(Rng&, int64_t i)> draw;
  double least_gain;  // of the root of the error over all blocks, where the search can win
};

const std::vector<Values>& kinds_of_values() {
  static const std::vector<Values> kinds = {
      {"normal", [](Rng& rng, int64_t) { return rng.normal(); }, 0.005},
      {"heavy_tails", [](Rng& rng, int64_t) { return std::pow(rng.normal(), 3); }, 0.005},
      {"one_outlier", [](Rng& rng, int64_t i) { return i % 32 == 7 ? 40 : rng.normal(); }, 0},
      {"small", [](Rng& rng, int64_t) { return 1e-3 * rng.normal(); }, 0.001},
      {"positive", [](Rng& rng, int64_t) { return 1 + 0.1 * rng.normal(); }, 0},
      {"subnormal_scales", [](Rng& rng, int64_t) { return 1e-6 * rng.normal(); }, 0},
      {"vanishing", [](Rng& rng, int64_t) { return 1e-12 * rng.normal(); }, 0},
      {"constant", [](Rng&, int64_t) { return 0.37; }, 0},
      {"negative_constant", [](Rng&, int64_t) { return -2.5; }, 0},
      {"zeros", [](Rng&, int64_t) { return 0.0; }, 0},
      {"one_weight", [](Rng&, int64_t i) { return i == 100 ? 3.0 : 0.0; }, 0},
  };
  return kinds;
}

class BlockError : public ::testing::TestWithParam<DType> {};

TEST_P(BlockError, IsNeverLargerThanThePlainRules) {
  for (const Values& kind : kinds_of_values()) {
    Rng rng(11);
    double total = 0, plain_total = 0;
    for (int round = 0; round < 60; ++round) {
      std::vector<float> x(kWeights), back(kWeights);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(kind.draw(rng, static_cast<int64_t>(i)));
      std::vector<std::byte> blocks(row_bytes(GetParam(), kWeights));
      quantize_row(GetParam(), x, blocks);
      dequantize_row(GetParam(), blocks, back);
      double error = 0, sum = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        error += std::pow(static_cast<double>(back[i]) - x[i], 2);
        sum += static_cast<double>(x[i]) * x[i];
      }
      const double plain = plain_error(GetParam(), x.data());
      // Our sums are of floats: 1e-5 of the error, and what rounding leaves of an exact fit.
      EXPECT_LE(error, plain * 1.00001 + sum * 1e-11) << kind.name << ", round " << round;
      total += error;
      plain_total += plain;
    }
    if (kind.least_gain > 0) {
      EXPECT_LT(std::sqrt(total), (1 - kind.least_gain) * std::sqrt(plain_total)) << kind.name;
    }
  }
}

TEST_P(BlockError, NoScaleIsInfiniteOrNan) {
  for (const float size : {1e-45F, 1e-38F, 1e-20F, 3e-8F, 6e4F, 1e6F, 1e9F, 1e20F, 3.4e38F}) {
    for (const bool alone : {false, true}) {
      std::vector<float> x(kWeights), back(kWeights);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = alone ? (i == 3 ? size : 0) : size * (i % 2 == 0 ? 1.0F : -0.5F);
      std::vector<std::byte> blocks(row_bytes(GetParam(), kWeights));
      quantize_row(GetParam(), x, blocks);
      dequantize_row(GetParam(), blocks, back);
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(std::isfinite(back[i])) << size << " at " << i;
        // Never larger than what went in, but for the last step.
        EXPECT_LE(std::abs(back[i]), 1.5 * std::abs(static_cast<double>(x[i])) + 1e-5 * size + 1e-7)
            << size << " at " << i;
      }
      // What an f16 scale can reach comes back nearly as it was.
      if (size == 6e4F && !alone) {
        EXPECT_NEAR(back[0], size, 0.04 * size);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, BlockError,
                         ::testing::Values(DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K),
                         [](const auto& test) { return std::string(name(test.param)); });

}  // namespace
}  // namespace stapes
