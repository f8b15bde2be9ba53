#include "tensor/quantized.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"

namespace stapes {
namespace {

std::vector<float> random_values(int64_t count) {
  Rng rng(3, 0, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

class QuantizedTest : public ::testing::TestWithParam<DType> {};

TEST_P(QuantizedTest, ATileIsThePermutationThatTheHeaderDescribes) {
  const BlockFormat format = block_format(GetParam());
  const int64_t columns = 3 * format.weights;
  const size_t bytes = row_bytes(GetParam(), columns);
  std::vector<std::byte> rows(kTileRows * bytes);
  Rng rng(1, 0, 0);
  for (std::byte& byte : rows) byte = static_cast<std::byte>(rng.next());
  std::vector<std::byte> tile(rows.size()), back(rows.size());
  rows_to_tile(GetParam(), columns, rows, tile);
  tile_to_rows(GetParam(), columns, tile, back);
  EXPECT_EQ(rows, back);
  EXPECT_NE(rows, tile);

  // The first unit of the second block of row 5.
  const size_t unit = GetParam() == DType::kQ8_0 || GetParam() == DType::kQ4_0 ? 2 : 4;
  const auto block = static_cast<size_t>(format.bytes);
  EXPECT_EQ(std::memcmp(tile.data() + kTileRows * block + 5 * unit, rows.data() + 5 * bytes + block,
                        unit),
            0);
}

INSTANTIATE_TEST_SUITE_P(AllFormats, QuantizedTest,
                         ::testing::Values(DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K),
                         [](const auto& test) { return std::string(name(test.param)); });

// Half a step of the block's scale; the scale is rounded to f16 itself, by up to 2^-11 of it, which
// makes up to 127 / 2048 of a step at the end of the range.
TEST(Quantized, WeightsComeBackWithinHalfAStep) {
  const std::vector<float> x = random_values(32 * 20);
  for (const auto& [dtype, steps] : {std::pair{DType::kQ8_0, 127.0F}, {DType::kQ4_0, 8.0F}}) {
    std::vector<std::byte> blocks(row_bytes(dtype, static_cast<int64_t>(x.size())));
    std::vector<float> back(x.size());
    quantize_row(dtype, x, blocks);
    dequantize_row(dtype, blocks, back);
    for (size_t block = 0; block < x.size(); block += 32) {
      float largest = 0;
      for (size_t i = block; i < block + 32; ++i) largest = std::max(largest, std::abs(x[i]));
      // Q4_0 has one step less on the side away from the largest value: a whole step there.
      const float step = largest / steps * (dtype == DType::kQ4_0 ? 1.001F : 0.5625F);
      for (size_t i = block; i < block + 32; ++i) EXPECT_NEAR(back[i], x[i], step) << i;
    }
  }
}

TEST(Quantized, AMatrixInTilesIsReadBackRowByRow) {
  const Shape shape{32, 512};
  const std::vector<float> x = random_values(element_count(shape));
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    const std::vector<std::byte> tiles = quantize_matrix(dtype, x, shape);
    const TensorView view{.dtype = dtype, .shape = shape, .data = tiles.data()};
    EXPECT_EQ(view.size_bytes(), tiles.size());
    const std::vector<float> all = widened_to_f32(view);
    for (size_t row = 0; row < 32; ++row) {
      std::vector<std::byte> blocks(row_bytes(dtype, 512));
      std::vector<float> expected(512);
      quantize_row(dtype, std::span(x).subspan(row * 512, 512), blocks);
      dequantize_row(dtype, blocks, expected);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                             all.begin() + static_cast<std::ptrdiff_t>(row) * 512));
    }
  }
}

// docs/file-format.md: where weight (21, 39) of a Q4_0 matrix [32, 64] is.
TEST(Quantized, TheWorkedExampleOfTheFileFormat) {
  const std::vector<float> x = random_values(32 * 64);
  const std::vector<std::byte> tiles = quantize_matrix(DType::kQ4_0, x, {32, 64});
  ASSERT_EQ(tiles.size(), 1152U);
  uint16_t scale = 0;
  std::memcpy(&scale, tiles.data() + 874, sizeof scale);
  const int level = static_cast<int>(tiles[983]) & 15;
  std::vector<float> row(64);
  dequantize_tiled_row({DType::kQ4_0, {32, 64}, tiles.data()}, 21, row);
  EXPECT_EQ(row[39], f16_to_f32(scale) * static_cast<float>(level - 8));
  EXPECT_NEAR(row[39], x[21 * 64 + 39], 0.5);
}

}  // namespace
}  // namespace stapes
