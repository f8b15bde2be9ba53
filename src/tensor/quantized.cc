#include "tensor/quantized.h"

#include <cstring>

#include "base/check.h"
#include "tensor/blocks/blocks.h"

namespace stapes {
namespace {

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

// Two or four bytes, by one move each.
void copy_unit(std::byte* to, const std::byte* from, size_t bytes) {
  if (bytes == 4)
    std::memcpy(to, from, 4);
  else
    std::memcpy(to, from, 2);
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

namespace {

// quantize(values of one block, its bytes), block after block.
template <size_t weights, size_t bytes>
void quantize_blocks(void (*quantize)(std::span<const float, weights>, std::span<std::byte, bytes>),
                     std::span<const float> x, std::span<std::byte> out) {
  for (size_t i = 0; i < x.size() / weights; ++i)
    quantize(x.subspan(i * weights).first<weights>(), out.subspan(i * bytes).first<bytes>());
}

template <size_t weights, size_t bytes>
void dequantize_blocks(void (*dequantize)(std::span<const std::byte, bytes>,
                                          std::span<float, weights>),
                       std::span<const std::byte> in, std::span<float> out) {
  for (size_t i = 0; i < out.size() / weights; ++i)
    dequantize(in.subspan(i * bytes).first<bytes>(), out.subspan(i * weights).first<weights>());
}

}  // namespace

void quantize_row(DType dtype, std::span<const float> x, std::span<std::byte> out) {
  STAPES_CHECK(out.size() == row_bytes(dtype, static_cast<int64_t>(x.size())));
  switch (dtype) {
    case DType::kQ8_0:
      return quantize_blocks(blocks::quantize_q8_0, x, out);
    case DType::kQ4_0:
      return quantize_blocks(blocks::quantize_q4_0, x, out);
    case DType::kQ4_K:
      return quantize_blocks(blocks::quantize_q4_k, x, out);
    case DType::kQ6_K:
      return quantize_blocks(blocks::quantize_q6_k, x, out);
    default:
      STAPES_CHECK(false, "{} has no blocks", name(dtype));
  }
}

void dequantize_row(DType dtype, std::span<const std::byte> in, std::span<float> out) {
  STAPES_CHECK(in.size() == row_bytes(dtype, static_cast<int64_t>(out.size())));
  switch (dtype) {
    case DType::kQ8_0:
      return dequantize_blocks(blocks::dequantize_q8_0, in, out);
    case DType::kQ4_0:
      return dequantize_blocks(blocks::dequantize_q4_0, in, out);
    case DType::kQ4_K:
      return dequantize_blocks(blocks::dequantize_q4_k, in, out);
    case DType::kQ6_K:
      return dequantize_blocks(blocks::dequantize_q6_k, in, out);
    default:
      STAPES_CHECK(false, "{} has no blocks", name(dtype));
  }
}

void rows_to_tile(DType dtype, int64_t columns, std::span<const std::byte> rows,
                  std::span<std::byte> tile) {
  STAPES_CHECK(rows.size() == kTileRows * row_bytes(dtype, columns) && tile.size() == rows.size());
  for_units(dtype, columns, [&](int64_t in_tile, int64_t in_rows, size_t bytes) {
    copy_unit(tile.data() + in_tile, rows.data() + in_rows, bytes);
  });
}

void tile_to_rows(DType dtype, int64_t columns, std::span<const std::byte> tile,
                  std::span<std::byte> rows) {
  STAPES_CHECK(rows.size() == kTileRows * row_bytes(dtype, columns) && tile.size() == rows.size());
  for_units(dtype, columns, [&](int64_t in_tile, int64_t in_rows, size_t bytes) {
    copy_unit(rows.data() + in_rows, tile.data() + in_tile, bytes);
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
