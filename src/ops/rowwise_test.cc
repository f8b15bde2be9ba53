// Norms, activations, softmax, embedding, pooling and RoPE: every level against the reference for
// all remainders, and closed-form values.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numbers>
#include <numeric>

#include "ops/test_support.h"

namespace stapes {
namespace {

using testing::all_near;
using testing::fast_ops;
using testing::identical;
using testing::kF32Epsilon;
using testing::random_values;
using testing::RandomWeight;
using testing::reference_ops;

constexpr int64_t kLongest = 70;  // four vectors of 16 and every remainder

// Mean and variance are sums of N terms of one sign (for the variance): relative error of some eps.
// Each value then sees a few roundings of numbers as large as |x - mean| / deviation · |weight|, at
// most about 5 · 4 for normal x and weights.
TEST(Norms, EveryLevelIsTheReference) {
  Rng rng(1);
  const auto tables = fast_ops();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (int64_t width = 1; width <= kLongest; ++width) {
      const std::vector<float> x = random_values(rng, 3 * width, 2.0);
      const RandomWeight weight(rng, dtype, {width});
      const RandomWeight bias(rng, dtype, {width});
      std::vector<float> layer(x.size());
      std::vector<float> rms(x.size());
      reference_ops()->layer_norm(
          {.x = x, .weight = weight.view(), .bias = bias.view(), .y = layer});
      reference_ops()->rms_norm({.x = x, .weight = weight.view(), .epsilon = 1e-5, .y = rms});
      for (const auto& ops : tables) {
        std::vector<float> y = x;  // in place
        ops->layer_norm({.x = y, .weight = weight.view(), .bias = bias.view(), .y = y});
        // Two neighbours may be close: then their distance to the mean has lost digits.
        const double loss = width < 4 ? 2000 : 100;
        ASSERT_TRUE(all_near(y, layer, [&](size_t) { return loss * kF32Epsilon; }))
            << ops->name() << " layer_norm " << width;
        y = x;
        ops->rms_norm({.x = y, .weight = weight.view(), .epsilon = 1e-5, .y = y});
        ASSERT_TRUE(
            all_near(y, rms, [&](size_t i) { return 8 * kF32Epsilon * std::abs(double{rms[i]}); }))
            << ops->name() << " rms_norm " << width;
      }
    }
  }
}

TEST(Norms, ClosedFormValues) {
  const std::vector<float> ones(4, 1.0F);
  const std::vector<float> zeros(4, 0.0F);
  const auto view = [](const std::vector<float>& values) {
    return TensorView{.dtype = DType::kF32,
                      .shape = {4},
                      .data = reinterpret_cast<const std::byte*>(values.data())};
  };
  const std::vector<float> x = {1, -1, 3, -3};  // mean 0, mean square 5
  for (const OpsLevel level : supported_ops_levels()) {
    const auto ops = make_ops(level, 1);
    std::vector<float> y(4);
    ops->rms_norm({.x = x, .weight = view(ones), .epsilon = 0, .y = y});
    EXPECT_NEAR(y[2], 3 / std::sqrt(5.0), 1e-6) << name(level);
    ops->rms_norm({.x = x, .weight = view(ones), .epsilon = 4, .y = y});
    EXPECT_NEAR(y[2], 1.0, 1e-6) << "epsilon is added to the mean square: " << name(level);
    ops->layer_norm({.x = x, .weight = view(ones), .bias = view(ones), .epsilon = 4, .y = y});
    EXPECT_NEAR(y[3], 0.0, 1e-6) << name(level);
    ops->layer_norm({.x = zeros, .weight = view(ones), .bias = view(ones), .y = y});
    EXPECT_EQ(y, ones) << "no division by zero: " << name(level);
  }
}

std::vector<float> wide_range() {
  std::vector<float> x;
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<float>(i) * 0.01F);
  for (const float big : {0.0F, 30.0F, 88.0F, 100.0F, 1e4F, 1e30F}) {
    x.push_back(big);
    x.push_back(-big);
  }
  return x;
}

TEST(Activations, EveryLevelIsTheReferenceOverAWideRange) {
  const std::vector<float> x = wide_range();
  const std::vector<float> up(x.size(), 1.5F);
  std::vector<float> gelu(x.size());
  std::vector<float> silu(x.size());
  reference_ops()->gelu_erf({.x = x, .y = gelu});
  reference_ops()->silu_mul({.gate = x, .up = up, .y = silu});
  for (const auto& ops : fast_ops()) {
    std::vector<float> y(x.size());
    ops->gelu_erf({.x = x, .y = y});
    // The erfc approximation is within 1.5e-7, half of which times |x| reaches the result (as long
    // as erfc is not 0 itself), plus the roundings of the result.
    EXPECT_TRUE(all_near(y, gelu, [&](size_t i) {
      const double tail = std::min(std::abs(double{x[i]}), 6.0);
      return 1.5e-7 * tail + 6 * kF32Epsilon * std::abs(double{gelu[i]});
    })) << ops->name();
    ops->silu_mul({.gate = x, .up = up, .y = y});
    EXPECT_TRUE(all_near(y, silu, [&](size_t i) {
      return 10 * kF32Epsilon * std::abs(double{silu[i]}) + 1e-35;
    })) << ops->name();
  }
}

TEST(Activations, AllRemaindersAndInPlace) {
  Rng rng(3);
  for (const auto& ops : fast_ops()) {
    for (int64_t count = 0; count <= kLongest; ++count) {
      const std::vector<float> x = random_values(rng, count, 2.0);
      const std::vector<float> up = random_values(rng, count);
      std::vector<float> alone(x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        ops->gelu_erf({.x = {&x[i], 1}, .y = {&alone[i], 1}});
      }
      std::vector<float> y = x;
      ops->gelu_erf({.x = y, .y = y});
      EXPECT_TRUE(identical(y, alone)) << ops->name() << " gelu_erf " << count;
      for (size_t i = 0; i < x.size(); ++i) {
        ops->silu_mul({.gate = {&x[i], 1}, .up = {&up[i], 1}, .y = {&alone[i], 1}});
      }
      y = x;
      ops->silu_mul({.gate = y, .up = up, .y = y});
      EXPECT_TRUE(identical(y, alone)) << ops->name() << " silu_mul " << count;
      y = x;
      ops->add({.a = y, .b = up, .y = y});
      for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], x[i] + up[i]);
      ops->relu({.x = x, .y = y});
      for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], std::max(x[i], 0.0F));
    }
  }
}

TEST(Activations, ClosedFormValues) {
  for (const OpsLevel level : supported_ops_levels()) {
    const auto ops = make_ops(level, 1);
    const std::vector<float> x = {0.0F, 1.0F, -1.0F};
    std::vector<float> y(3);
    ops->gelu_erf({.x = x, .y = y});
    // 0.5 (1 + erf(1 / sqrt 2)) = 0.8413447; the tanh form would give 0.8411920.
    EXPECT_NEAR(y[1], 0.8413447, 3e-7) << name(level);
    EXPECT_NEAR(y[2], -0.1586553, 3e-7) << name(level);
    EXPECT_EQ(y[0], 0.0F);
    const std::vector<float> up = {5.0F, 2.0F, 2.0F};
    ops->silu_mul({.gate = x, .up = up, .y = y});
    EXPECT_NEAR(y[1], 2 * 0.7310586, 3e-7) << name(level);
    EXPECT_NEAR(y[2], -2 * 0.2689414, 3e-7) << name(level);
  }
}

TEST(Activations, NanStaysNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& ops : fast_ops()) {
    float y = 0;
    ops->gelu_erf({.x = {&nan, 1}, .y = {&y, 1}});
    EXPECT_TRUE(std::isnan(y)) << ops->name();
    const float one = 1;
    ops->silu_mul({.gate = {&nan, 1}, .up = {&one, 1}, .y = {&y, 1}});
    EXPECT_TRUE(std::isnan(y)) << ops->name();
  }
}

TEST(Softmax, EveryLevelIsTheReference) {
  Rng rng(5);
  for (const auto& ops : fast_ops()) {
    for (int64_t columns = 1; columns <= kLongest; ++columns) {
      const std::vector<float> x = random_values(rng, 2 * columns, 10.0);
      std::vector<float> expected(x.size());
      std::vector<float> y = x;
      reference_ops()->softmax({.x = x, .y = expected, .columns = columns});
      ops->softmax({.x = y, .y = y, .columns = columns});
      // x - max is rounded to f32: an error of eps |x - max| in the exponent, up to 100 here.
      ASSERT_TRUE(all_near(
          y, expected, [&](size_t i) { return 110 * kF32Epsilon * double{expected[i]} + 1e-38; }))
          << ops->name() << " " << columns;
    }
  }
}

TEST(Softmax, LargeAndMaskedScores) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {1e30F, 1e30F, -1e30F, -infinity, 0.0F};
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(5);
    make_ops(level, 1)->softmax({.x = x, .y = y, .columns = 5});
    EXPECT_EQ(y, (std::vector<float>{0.5F, 0.5F, 0.0F, 0.0F, 0.0F})) << name(level);
  }
}

TEST(Embed, EveryLevelIsTheReference) {
  Rng rng(6);
  const std::vector<int64_t> ids = {4, 0, 4, 2};
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (int64_t width = 1; width <= kLongest; ++width) {
      const RandomWeight table(rng, dtype, {5, width});
      std::vector<float> expected(static_cast<size_t>(4 * width));
      reference_ops()->embed({.table = table.view(), .ids = ids, .y = expected});
      for (const auto& ops : fast_ops(1)) {
        std::vector<float> y(expected.size());
        ops->embed({.table = table.view(), .ids = ids, .y = y});
        ASSERT_TRUE(identical(y, expected)) << ops->name() << " " << name(dtype) << " " << width;
      }
    }
  }
}

TEST(AveragePool, MeansOfPairsAndTheRestIsDropped) {
  const std::vector<float> x = {1, 10, 3, 20, 5, 60, 7, 80, 1000, 1000};
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(4);
    make_ops(level, 1)->average_pool({.x = x, .channels = 2, .window = 2, .y = y});
    EXPECT_EQ(y, (std::vector<float>{2, 15, 6, 70})) << name(level);
  }
}

TEST(Rope, ClosedFormValues) {
  // theta 10000, W 4: frequencies 1 and 1 / 100.
  const std::vector<int64_t> positions = {0, 1, 100};
  for (const OpsLevel level : supported_ops_levels()) {
    const auto ops = make_ops(level, 1);
    std::vector<float> cosine(6);
    std::vector<float> sine(6);
    ops->rope_table(
        {.positions = positions, .head_width = 4, .theta = 1e4, .cosine = cosine, .sine = sine});
    // Per row: one head (1, 0, 0, 1): pairs are (x0, x2) and (x1, x3).
    std::vector<float> x = {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1};
    ops->rope({.x = x, .cosine = cosine, .sine = sine, .head_width = 4});
    const std::vector<double> angles = {0, 0, 1, 0.01, 100, 1};
    for (size_t r = 0; r < 3; ++r) {
      EXPECT_NEAR(x[4 * r + 0], std::cos(angles[2 * r]), 1e-6) << name(level);
      EXPECT_NEAR(x[4 * r + 2], std::sin(angles[2 * r]), 1e-6) << name(level);
      EXPECT_NEAR(x[4 * r + 1], -std::sin(angles[2 * r + 1]), 1e-6) << name(level);
      EXPECT_NEAR(x[4 * r + 3], std::cos(angles[2 * r + 1]), 1e-6) << name(level);
    }
  }
}

TEST(Rope, EveryLevelIsTheReference) {
  Rng rng(7);
  const std::vector<int64_t> positions = {0, 1, 2, 17, 4095, 65535};
  for (const int64_t width : {2, 6, 32, 64, 70, 128}) {
    const int64_t pairs = width / 2;
    const auto table_size = static_cast<size_t>(6 * pairs);
    std::vector<float> cosine(table_size);
    std::vector<float> sine(table_size);
    reference_ops()->rope_table(
        {.positions = positions, .head_width = width, .cosine = cosine, .sine = sine});
    const std::vector<float> x = random_values(rng, 6 * 3 * width);
    std::vector<float> expected = x;
    reference_ops()->rope({.x = expected, .cosine = cosine, .sine = sine, .head_width = width});
    for (const auto& ops : fast_ops()) {
      std::vector<float> c(table_size);
      std::vector<float> s(table_size);
      ops->rope_table({.positions = positions, .head_width = width, .cosine = c, .sine = s});
      const auto one_rounding = [](size_t) { return 2 * kF32Epsilon; };
      ASSERT_TRUE(all_near(c, cosine, one_rounding)) << ops->name() << " " << width;
      ASSERT_TRUE(all_near(s, sine, one_rounding)) << ops->name() << " " << width;
      std::vector<float> y = x;
      ops->rope({.x = y, .cosine = cosine, .sine = sine, .head_width = width});
      ASSERT_TRUE(all_near(y, expected, [](size_t) { return 16 * kF32Epsilon; }))
          << ops->name() << " " << width;
    }
  }
}

}  // namespace
}  // namespace stapes
