// linear with quantized weights: every level of this machine against a slow twin that quantizes the
// rows in the same way and sums in double, and against the exact product.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/test_support.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

using testing::all_near;
using testing::fast_ops;
using testing::identical;
using testing::kF32Epsilon;
using testing::random_values;

constexpr DType kFormats[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K};

// Any bytes are a valid block; only the scales must be sane numbers.
class RandomTiles {
 public:
  RandomTiles(Rng& rng, DType dtype, int64_t outputs, int64_t columns) {
    const auto bytes = row_bytes(dtype, columns);
    const auto block = static_cast<size_t>(block_format(dtype).bytes);
    std::vector<std::byte> rows(static_cast<size_t>(kTileRows) * bytes);
    tiles_.resize(static_cast<size_t>(outputs) * bytes);
    for (size_t at = 0; at < tiles_.size(); at += rows.size()) {
      for (std::byte& byte : rows) byte = static_cast<std::byte>(rng.next());
      for (size_t b = 0; b < rows.size(); b += block) {
        set_f16(rows.data() + b + (dtype == DType::kQ6_K ? block - 2 : 0), rng.uniform(-0.1, 0.1));
        if (dtype == DType::kQ4_K) set_f16(rows.data() + b + 2, rng.uniform(-0.1, 0.1));
      }
      rows_to_tile(dtype, columns, rows, std::span(tiles_).subspan(at, rows.size()));
    }
    view_ = {.dtype = dtype, .shape = {outputs, columns}, .data = tiles_.data()};
  }
  RandomTiles(RandomTiles&&) = default;
  const TensorView& view() const { return view_; }

 private:
  static void set_f16(std::byte* at, double value) {
    const uint16_t bits = f32_to_f16(static_cast<float>(value));
    std::memcpy(at, &bits, sizeof bits);
  }
  std::vector<std::byte> tiles_;
  TensorView view_;
};

// Each block of 32 to the nearest multiple of its largest magnitude / 127.
std::vector<float> in_eight_bits(std::span<const float> x) {
  std::vector<float> rounded(x.begin(), x.end());
  for (size_t block = 0; block < x.size(); block += 32) {
    float largest = 0;
    for (size_t i = block; i < block + 32; ++i) largest = std::max(largest, std::abs(x[i]));
    const float step = largest / 127.0F;
    for (size_t i = block; largest > 0 && i < block + 32; ++i)
      rounded[i] = step * std::nearbyint(x[i] * (127.0F / largest));
  }
  return rounded;
}

struct Expected {
  std::vector<float> y;
  std::vector<double> magnitude;   // Σ |x w|, what rounding errors are relative to
  std::vector<double> half_steps;  // Σ (half a step of x's block) |w|
  std::vector<double> one_step;    // the largest (step of x's block) |w|
};

Expected slow_linear(std::span<const float> x, std::span<const float> exact_x,
                     const TensorView& weight, std::span<const float> bias) {
  const std::vector<float> w = widened_to_f32(weight);
  const auto outputs = static_cast<size_t>(weight.shape[0]);
  const auto columns = static_cast<size_t>(weight.shape[1]);
  Expected expected;
  for (size_t r = 0; r < x.size() / columns; ++r) {
    for (size_t o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0.0 : double{bias[o]}, magnitude = std::abs(sum), half_steps = 0;
      double one_step = 0;
      for (size_t block = 0; block < columns; block += 32) {
        double largest = 0, weights = 0, widest = 0;
        for (size_t n = block; n < block + 32; ++n) {
          const double product = double{x[r * columns + n]} * double{w[o * columns + n]};
          sum += product;
          magnitude += std::abs(product);
          const double size = std::abs(double{w[o * columns + n]});
          weights += size;
          widest = std::max(widest, size);
          largest = std::max(largest, std::abs(double{exact_x[r * columns + n]}));
        }
        half_steps += largest / 127.0 * 0.5 * weights;
        one_step = std::max(one_step, largest / 127.0 * widest);
      }
      expected.y.push_back(static_cast<float>(sum));
      expected.magnitude.push_back(magnitude);
      expected.half_steps.push_back(half_steps);
      expected.one_step.push_back(one_step);
    }
  }
  return expected;
}

struct Case {
  int64_t rows, blocks, tiles;
};

// All remainders of a group of 4 rows and of 16, of 4 streams of tiles (few rows), of a piece of 8
// strips (a batch) or 16 (many rows) and 3 parts, and both sides of the borders between the three;
// of the matrix unit's blocks of 4 tiles and 64 rows.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (int64_t rows = 1; rows <= 17; ++rows) all.push_back({rows, 1, 1});
  for (const int64_t blocks : {2, 3, 33, 40}) {
    all.push_back({1, blocks, 2});
    all.push_back({9, blocks, 5});
  }
  for (const int64_t rows : {24, 31, 32, 33, 63, 64, 65, 66, 67, 68, 81, 130})
    all.push_back({rows, 5, 4});
  for (int64_t tiles = 1; tiles <= 9; ++tiles) {
    all.push_back({1 + tiles % 4, 3, tiles});
    all.push_back({11, 2, tiles});
    all.push_back({66, 2, tiles});
  }
  for (int64_t blocks = 4; blocks <= 19; ++blocks) all.push_back({5, blocks, 4});
  return all;
}

// Two bounds. Rows rounded like the kernels': what is left is the f32 sum over strips, one rounding
// of the scale and two of the sum a strip, relative to Σ |x w|; a value whose rounding is a tie may
// fall on either side, which 127 x cannot be told from in f32, so one step of one value is allowed.
// And against the exact rows: never more than half a step of each value.
TEST(QuantizedLinear, EveryLevelIsTheSlowTwinForAllRemainders) {
  Rng rng(1);
  const auto tables = fast_ops();
  for (const DType dtype : kFormats) {
    for (const Case& c : cases()) {
      const int64_t columns = c.blocks * block_format(dtype).weights;
      if (columns > 4096) continue;
      const RandomTiles weight(rng, dtype, c.tiles * kTileRows, columns);
      const std::vector<float> x = random_values(rng, c.rows * columns);
      const std::vector<float> bias = random_values(rng, c.tiles * kTileRows);
      const TensorView bias_view{.dtype = DType::kF32,
                                 .shape = {c.tiles * kTileRows},
                                 .data = reinterpret_cast<const std::byte*>(bias.data())};
      const Expected rounded = slow_linear(in_eight_bits(x), x, weight.view(), bias);
      const Expected exact = slow_linear(x, x, weight.view(), bias);
      for (const auto& ops : tables) {
        std::vector<float> y(rounded.y.size(), 99.0F);
        ops->linear({.x = x, .weight = weight.view(), .bias = bias_view, .y = y});
        const std::string where = fmt::format("{} {} rows {} columns {} outputs {}", ops->name(),
                                              name(dtype), c.rows, columns, c.tiles * kTileRows);
        const double strips = static_cast<double>(columns) / 32;
        ASSERT_TRUE(all_near(y, rounded.y, [&](size_t i) {
          return kF32Epsilon * (3 + std::sqrt(strips)) * 2 * rounded.magnitude[i] +
                 exact.one_step[i];
        })) << where;
        ASSERT_TRUE(all_near(y, exact.y, [&](size_t i) {
          return exact.half_steps[i] * 1.001 + 1e-5 * exact.magnitude[i];
        })) << where;
      }
    }
  }
}

TEST(QuantizedLinear, RowsHaveTheSameBitsAloneInAnyBatchAndWithAnyThreads) {
  Rng rng(2);
  for (const DType dtype : kFormats) {
    const int64_t columns = 1280, outputs = 11 * kTileRows, rows = 70;
    const RandomTiles weight(rng, dtype, outputs, columns);
    const std::vector<float> x = random_values(rng, rows * columns);
    for (const OpsLevel level : supported_ops_levels()) {
      if (level == OpsLevel::kReference) continue;
      const auto run = [&](int64_t first, int64_t count, int threads) {
        std::vector<float> y(static_cast<size_t>(count * outputs));
        make_ops(level, threads)
            ->linear({.x = std::span(x).subspan(static_cast<size_t>(first * columns),
                                                static_cast<size_t>(count * columns)),
                      .weight = weight.view(),
                      .bias = {},
                      .y = y});
        return y;
      };
      const std::vector<float> together = run(0, rows, 3);
      EXPECT_TRUE(identical(run(0, rows, 1), together)) << name(level) << " " << name(dtype);
      for (int64_t first = 0, count = 1; first + count <= rows; first += count++) {
        const std::vector<float> some = run(first, count, 2);
        EXPECT_TRUE(identical(
            some, std::span(together).subspan(static_cast<size_t>(first * outputs), some.size())))
            << name(level) << " " << name(dtype) << " rows " << first << " + " << count;
      }
    }
  }
}

// The vector kernels are the twin of the matrix unit's: they do the same sums in the same order.
TEST(QuantizedLinear, TheMatrixUnitGivesTheBitsOfVectors) {
  if (!is_supported(OpsLevel::kAmx)) GTEST_SKIP() << "SKIPPED: this processor has no matrix unit";
  Rng rng(6);
  const auto vectors = make_ops(OpsLevel::kAvx512Vnni, 1), tiles = make_ops(OpsLevel::kAmx, 1);
  for (const DType dtype : kFormats) {
    for (const Case& c : cases()) {
      const int64_t columns = c.blocks * block_format(dtype).weights;
      const RandomTiles weight(rng, dtype, c.tiles * kTileRows, columns);
      const std::vector<float> x = random_values(rng, c.rows * columns);
      std::vector<float> expected(static_cast<size_t>(c.rows * c.tiles * kTileRows));
      std::vector<float> y(expected.size());
      vectors->linear({.x = x, .weight = weight.view(), .bias = {}, .y = expected});
      tiles->linear({.x = x, .weight = weight.view(), .bias = {}, .y = y});
      EXPECT_TRUE(identical(y, expected)) << fmt::format(
          "{} rows {} columns {} outputs {}", name(dtype), c.rows, columns, c.tiles * 16);
    }
  }
}

TEST(QuantizedLinear, AGroupIsItsProductsOneByOne) {
  Rng rng(3);
  const int64_t columns = 512, rows = 5;
  const std::vector<float> x = random_values(rng, rows * columns);
  std::vector<RandomTiles> weights;
  for (const DType dtype : kFormats) weights.emplace_back(rng, dtype, 32, columns);
  weights.emplace_back(rng, DType::kQ4_0, 80, columns);  // a dtype for the second time
  for (const auto& ops : fast_ops()) {
    std::vector<std::vector<float>> together, alone;
    std::vector<op::LinearOutput> outputs;
    for (const RandomTiles& weight : weights) {
      alone.emplace_back(static_cast<size_t>(rows * weight.view().shape[0]));
      together.emplace_back(alone.back().size());
      ops->linear({.x = x, .weight = weight.view(), .bias = {}, .y = alone.back()});
    }
    for (size_t i = 0; i < weights.size(); ++i)
      outputs.push_back({.weight = weights[i].view(), .bias = {}, .y = together[i]});
    ops->linear_group({.x = x, .outputs = outputs});
    for (size_t i = 0; i < weights.size(); ++i)
      EXPECT_TRUE(identical(together[i], alone[i])) << ops->name() << " " << i;
  }
}

// Zeros, numbers near the smallest, and one large value beside small ones.
TEST(QuantizedLinear, OddRowsStayFinite) {
  Rng rng(4);
  const RandomTiles weight(rng, DType::kQ4_0, 16, 64);
  for (const float value : {0.0F, 1e-42F, 1e-30F, 1e30F}) {
    std::vector<float> x(64, value);
    x[40] = 2 * value;
    for (const auto& ops : fast_ops()) {
      std::vector<float> y(16);
      ops->linear({.x = x, .weight = weight.view(), .bias = {}, .y = y});
      for (const float result : y) {
        EXPECT_TRUE(std::isfinite(result)) << ops->name() << " " << value;
        if (value == 0.0F) {
          EXPECT_EQ(result, 0.0F);
        }
      }
    }
  }
}

TEST(QuantizedEmbed, RowsOfAQuantizedTableAreWidened) {
  Rng rng(5);
  const RandomTiles table(rng, DType::kQ6_K, 48, 256);
  const std::vector<float> all = widened_to_f32(table.view());
  const std::vector<int64_t> ids = {47, 0, 17, 17};
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(4 * 256);
    make_ops(level, 1)->embed({.table = table.view(), .ids = ids, .y = y});
    for (size_t r = 0; r < 4; ++r) {
      const auto row = std::span(all).subspan(static_cast<size_t>(ids[r]) * 256, 256);
      EXPECT_TRUE(identical(std::span(y).subspan(r * 256, 256), row)) << name(level);
    }
  }
}

}  // namespace
}  // namespace stapes
