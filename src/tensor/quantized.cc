#include "tensor/quantized.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace stapes {
namespace {

void write_f16(float value, std::byte* out) {
  const uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof bits);
}

float read_f16(const std::byte* in) {
  uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  return f16_to_f32(bits);
}

void quantize_q8_0(std::span<const float, 32> x, std::byte* block) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::abs(value));
  const float d = largest / 127.0F;
  write_f16(d, block);
  const float inverse = d > 0 ? 1.0F / d : 0.0F;
  for (size_t i = 0; i < 32; ++i)
    block[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::lround(x[i] * inverse)));
}

void dequantize_q8_0(const std::byte* block, float* out) {
  const float d = read_f16(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

void quantize_q4_0(std::span<const float, 32> x, std::byte* block) {
  // The value of the largest magnitude, with its sign, becomes -8: the range is not symmetric.
  float extreme = 0;
  for (const float value : x)
    if (std::abs(value) > std::abs(extreme)) extreme = value;
  const float d = extreme / -8.0F;
  write_f16(d, block);
  const float inverse = d != 0 ? 1.0F / d : 0.0F;
  const auto quant = [&](float value) {
    return static_cast<unsigned>(std::clamp(std::lround(value * inverse) + 8, 0L, 15L));
  };
  for (size_t i = 0; i < 16; ++i)
    block[2 + i] = static_cast<std::byte>(quant(x[i]) | quant(x[i + 16]) << 4);
}

void dequantize_q4_0(const std::byte* block, float* out) {
  const float d = read_f16(block);
  for (int i = 0; i < 16; ++i) {
    const auto pair = static_cast<int>(block[2 + i]);
    out[i] = d * static_cast<float>((pair & 15) - 8);
    out[i + 16] = d * static_cast<float>((pair >> 4) - 8);
  }
}

// The lengths of a block's units, in bytes.
std::vector<int64_t> unit_bytes(DType dtype) {
  const auto words = [](int64_t count) {
    return std::vector<int64_t>(static_cast<size_t>(count), 4);
  };
  std::vector<int64_t> units;
  switch (dtype) {
    case DType::kQ8_0:
    case DType::kQ4_0:
      units = words(dtype == DType::kQ8_0 ? 8 : 4);
      units.insert(units.begin(), 2);
      return units;
    case DType::kQ4_K:
      return words(36);
    case DType::kQ6_K:
      units = words(52);
      units.push_back(2);
      return units;
    default:
      STAPES_CHECK(false, "{} has no blocks", name(dtype));
      return {};
  }
}

// copy(offset in the tile, offset in the rows, bytes) for every unit of every block of a tile.
template <typename Copy>
void for_units(DType dtype, int64_t columns, const Copy& copy) {
  const BlockFormat format = block_format(dtype);
  const int64_t blocks = columns / format.weights;
  const std::vector<int64_t> units = unit_bytes(dtype);
  int64_t at = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    int64_t inside = 0;
    for (const int64_t bytes : units) {
      for (int64_t row = 0; row < kTileRows; ++row) {
        copy(at, (row * blocks + block) * format.bytes + inside, static_cast<size_t>(bytes));
        at += bytes;
      }
      inside += bytes;
    }
  }
}

}  // namespace

BlockFormat block_format(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:
      return {.weights = 32, .bytes = 34};
    case DType::kQ4_0:
      return {.weights = 32, .bytes = 18};
    case DType::kQ4_K:
      return {.weights = 256, .bytes = 144};
    case DType::kQ6_K:
      return {.weights = 256, .bytes = 210};
    default:
      STAPES_CHECK(false, "{} has no blocks", name(dtype));
      return {};
  }
}

bool fits_blocks(DType dtype, const Shape& shape) {
  return shape.size() == 2 && shape[0] > 0 && shape[0] % kTileRows == 0 && shape[1] > 0 &&
         shape[1] % block_format(dtype).weights == 0;
}

size_t row_bytes(DType dtype, int64_t columns) {
  if (!is_quantized(dtype)) return static_cast<size_t>(columns) * size_bytes(dtype);
  const BlockFormat format = block_format(dtype);
  STAPES_CHECK(columns % format.weights == 0, "{} columns of {}", columns, name(dtype));
  return static_cast<size_t>(columns / format.weights * format.bytes);
}

void quantize_row(DType dtype, std::span<const float> x, std::span<std::byte> out,
                  std::span<const float> /*importance*/) {
  const BlockFormat format = block_format(dtype);
  const auto weights = static_cast<size_t>(format.weights);
  const auto bytes = static_cast<size_t>(format.bytes);
  STAPES_CHECK(x.size() % weights == 0 && out.size() == x.size() / weights * bytes);
  for (size_t i = 0; i < x.size() / weights; ++i) {
    const auto values = x.subspan(i * weights, weights);
    std::byte* block = out.data() + i * bytes;
    switch (dtype) {
      case DType::kQ8_0:
        quantize_q8_0(values.first<32>(), block);
        break;
      case DType::kQ4_0:
        quantize_q4_0(values.first<32>(), block);
        break;
      default:
        STAPES_CHECK(false, "quantizing to {} is not written yet", name(dtype));
    }
  }
}

void dequantize_row(DType dtype, std::span<const std::byte> blocks, std::span<float> out) {
  const BlockFormat format = block_format(dtype);
  const auto weights = static_cast<size_t>(format.weights);
  const auto bytes = static_cast<size_t>(format.bytes);
  STAPES_CHECK(out.size() % weights == 0 && blocks.size() == out.size() / weights * bytes);
  for (size_t i = 0; i < out.size() / weights; ++i) {
    const std::byte* block = blocks.data() + i * bytes;
    float* values = out.data() + i * weights;
    switch (dtype) {
      case DType::kQ8_0:
        dequantize_q8_0(block, values);
        break;
      case DType::kQ4_0:
        dequantize_q4_0(block, values);
        break;
      default:
        STAPES_CHECK(false, "dequantizing {} is not written yet", name(dtype));
    }
  }
}

void rows_to_tile(DType dtype, int64_t columns, std::span<const std::byte> rows,
                  std::span<std::byte> tile) {
  STAPES_CHECK(rows.size() == kTileRows * row_bytes(dtype, columns) && tile.size() == rows.size());
  for_units(dtype, columns, [&](int64_t in_tile, int64_t in_rows, size_t bytes) {
    std::memcpy(tile.data() + in_tile, rows.data() + in_rows, bytes);
  });
}

void tile_to_rows(DType dtype, int64_t columns, std::span<const std::byte> tile,
                  std::span<std::byte> rows) {
  STAPES_CHECK(rows.size() == kTileRows * row_bytes(dtype, columns) && tile.size() == rows.size());
  for_units(dtype, columns, [&](int64_t in_tile, int64_t in_rows, size_t bytes) {
    std::memcpy(rows.data() + in_rows, tile.data() + in_tile, bytes);
  });
}

std::vector<std::byte> quantize_matrix(DType dtype, std::span<const float> x, const Shape& shape) {
  STAPES_CHECK(fits_blocks(dtype, shape) && static_cast<int64_t>(x.size()) == element_count(shape));
  const auto columns = static_cast<size_t>(shape[1]);
  const size_t bytes = row_bytes(dtype, shape[1]);
  std::vector<std::byte> out(static_cast<size_t>(shape[0]) * bytes);
  std::vector<std::byte> rows(kTileRows * bytes);
  for (int64_t first = 0; first < shape[0]; first += kTileRows) {
    for (size_t r = 0; r < kTileRows; ++r)
      quantize_row(dtype, x.subspan((static_cast<size_t>(first) + r) * columns, columns),
                   std::span(rows).subspan(r * bytes, bytes));
    rows_to_tile(dtype, shape[1], rows,
                 std::span(out).subspan(static_cast<size_t>(first) * bytes, rows.size()));
  }
  return out;
}

void dequantize_tiled_row(const TensorView& matrix, int64_t row, std::span<float> out) {
  STAPES_CHECK(fits_blocks(matrix.dtype, matrix.shape) && row >= 0 && row < matrix.shape[0]);
  const int64_t columns = matrix.shape[1];
  const size_t bytes = row_bytes(matrix.dtype, columns);
  const std::byte* tile = matrix.data + static_cast<size_t>(row / kTileRows * kTileRows) * bytes;
  std::vector<std::byte> rows(kTileRows * bytes);
  tile_to_rows(matrix.dtype, columns, {tile, rows.size()}, rows);
  dequantize_row(matrix.dtype,
                 std::span(rows).subspan(static_cast<size_t>(row % kTileRows) * bytes, bytes), out);
}

}  // namespace stapes
