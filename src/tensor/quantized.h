// The quantized block formats of ggml, and how Stapes lays their blocks out.
//
// A row of a matrix [rows, columns] is a sequence of blocks of `weights` consecutive weights with a
// scale of their own (ggml-common.h, block_q4_0 and so on):
//   Q8_0  32 weights, 34 bytes: f16 d; int8 q[32]                                  w = d q
//   Q4_0  32 weights, 18 bytes: f16 d; uint8 q[16] (low nibbles: weights 0-15)     w = d (q - 8)
//   Q4_K  256 weights, 144 bytes: f16 d, dmin; 6-bit sub-scales and minima packed in 12 bytes;
//         uint8 q[128]                                                w = d scale q - dmin minimum
//   Q6_K  256 weights, 210 bytes: uint8 low[128]; uint8 high[64]; int8 scale[16]; f16 d
//                                                                     w = d scale (q - 32)
//
// ggml stores row after row. Stapes stores tiles of kTileRows rows: the blocks that 16 rows have at
// the same columns stand together, cut into units of which each lane of a 512-bit register gets
// one, so that a kernel computes 16 outputs at a time from one sequential stream, with nothing to
// be rearranged at load:
//   for each tile of 16 rows, for each block of columns, for each unit u of the format:
//     unit u of row 0, unit u of row 1, ... unit u of row 15
// The units of a block, in order, are the format's own bytes cut into runs of
//   Q8_0  2 bytes (d), then 8 times 4 bytes        Q4_0  2 bytes (d), then 4 times 4 bytes
//   Q4_K  36 times 4 bytes                         Q6_K  52 times 4 bytes, then 2 bytes (d)
// It takes exactly the bytes of ggml's order, and is a permutation of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace stapes {

inline constexpr int64_t kTileRows = 16;

struct BlockFormat {
  int64_t weights = 0;  // in a block
  int64_t bytes = 0;    // of a block
};
// Aborts for a dtype that is not quantized.
BlockFormat block_format(DType dtype);

// Can a matrix of this shape be stored so? rows a multiple of kTileRows, columns of the block.
bool fits_blocks(DType dtype, const Shape& shape);
// Bytes of `rows` rows of `columns` columns, for quantized and plain dtypes.
size_t row_bytes(DType dtype, int64_t columns);

// One row of blocks in ggml's order; x and out are whole blocks. x must be finite; what is larger
// than the format's f16 scales can reach is stored as the largest value that they do reach. The
// scales are searched for the least squared error, which in every block is at most that of the
// plain rule (the extreme value takes the last level).
void quantize_row(DType dtype, std::span<const float> x, std::span<std::byte> out);
void dequantize_row(DType dtype, std::span<const std::byte> in, std::span<float> out);

// Between ggml's order and tiles; both hold kTileRows rows of `columns` columns.
void rows_to_tile(DType dtype, int64_t columns, std::span<const std::byte> rows,
                  std::span<std::byte> tile);
void tile_to_rows(DType dtype, int64_t columns, std::span<const std::byte> tile,
                  std::span<std::byte> rows);

// A matrix [rows, columns] of f32, quantized into tiles. The shape must fit.
std::vector<std::byte> quantize_matrix(DType dtype, std::span<const float> x, const Shape& shape);
// Row r of a matrix in tiles, widened.
void dequantize_tiled_row(const TensorView& matrix, int64_t row, std::span<float> out);

}  // namespace stapes
