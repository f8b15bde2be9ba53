// The inner loops that depend on the width of the processor's vectors, one table per level. What
// they share (threads, blocks, pages) is in cpu_ops.cc and cpu_attention.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/kv_slot.h"
#include "tensor/quantized.h"

namespace stapes {

// y[r, o] = x[r] · weight[o] (+ bias[o]) for all rows and o in [first_output, last_output).
struct LinearTile {
  const float* x = nullptr;           // [rows, inputs]
  const std::byte* weight = nullptr;  // [outputs, inputs]
  const float* bias = nullptr;        // [outputs] or null
  float* y = nullptr;                 // [rows, outputs]
  DType dtype = DType::kF32;          // of the weight
  int64_t rows = 0;
  int64_t inputs = 0;
  int64_t outputs = 0;
  int64_t first_output = 0;
  int64_t last_output = 0;
};

// y[r, o] = x[r] · weight[o] (+ bias[o]) for all rows and the outputs of tiles
// [first_tile, last_tile), as products of integers in blocks of columns. Weights are quantized, in
// tiles (tensor/quantized.h), or f16 or bf16 rows (int16_body.h); rows are packed by pack_rows.
struct QuantizedProduct {
  DType dtype = DType::kQ8_0;        // of the weight
  const std::byte* tiles = nullptr;  // [outputs, columns]
  const std::byte* x = nullptr;      // packed groups of up to row_group() rows
  const float* bias = nullptr;       // [outputs] or null
  float* y = nullptr;                // [rows, outputs]
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t outputs = 0;
  int64_t first_tile = 0;
  int64_t last_tile = 0;
};
inline constexpr int64_t kRowGroup = 4;  // rows whose sums of several outputs fit into registers

// Rows [first_row, last_row) of a group, to be packed for products with weights of a dtype. The
// parts of a group may be packed by several threads.
struct RowPacking {
  DType dtype = DType::kQ8_0;  // of the weight
  const float* x = nullptr;    // [rows, columns], the whole group
  int64_t rows = 0;            // at most row_group()
  int64_t columns = 0;
  int64_t first_row = 0;
  int64_t last_row = 0;
  std::byte* packed = nullptr;  // packed_bytes() of the group
};

// Some queries against a chunk of the keys and values of one head.
//   scores = q · key; of the keys that a query sees: largest = max, total = Σ e^(score - largest),
//   y = Σ e^(score - largest) · value.
// Keys lie transposed, in runs of kKeyRun: component i of key t of a run at i · key_stride_bytes +
// t · (size of an element); of integers, groups of components and of tokens (ops/kv_slot.h). A run
// may be read to its end, whatever is there.
struct AttentionChunk {
  DType dtype = DType::kF32;  // of keys and values: kF32, kBF16, kI8 or kI16
  int64_t queries = 0;
  int64_t keys = 0;                  // the largest of `visible`
  int64_t width = 0;                 // W
  const float* q = nullptr;          // [queries, W], scaled
  const int64_t* visible = nullptr;  // [queries]: how many of the chunk's keys each one sees
  const std::byte* const* key_runs = nullptr;
  const std::byte* const* value_runs = nullptr;  // rows of W
  int64_t key_stride_bytes = 0;
  int64_t value_stride_bytes = 0;
  // Integers only: the scales of a run's keys [blocks of kKeyScaleBlock components,
  // key_scale_stride] and of its values [kKeyRun]; and scratch of attention_packed_bytes().
  const float* const* key_scale_runs = nullptr;
  const float* const* value_scale_runs = nullptr;
  int64_t key_scale_stride = 0;
  std::byte* packed = nullptr;
  float* scores = nullptr;   // scratch [queries, attention_score_stride(keys)]
  float* largest = nullptr;  // [queries]
  float* total = nullptr;    // [queries]
  float* y = nullptr;        // [queries, W]
};
inline constexpr int64_t kKeyRun = 16;
constexpr int64_t attention_score_stride(int64_t keys) {
  return (keys + 63) / 64 * 64;  // whole blocks of keys at every level
}

// Queries, and weights of values, as the kernels pack them: of a block of kKeyScaleBlock
// components, and of 64 keys.
inline constexpr int64_t kPackedQueryBytes = 80;
inline constexpr int64_t kPackedWeightsBytes = 144;
constexpr int64_t attention_packed_bytes(int64_t queries, int64_t keys, int64_t width) {
  return queries * (key_scale_blocks(width) * kPackedQueryBytes +
                    attention_score_stride(keys) / 64 * kPackedWeightsBytes);
}

struct Kernels {
  const char* name;
  void (*widen)(const std::byte* values, DType dtype, int64_t count, float* out);
  void (*linear)(const LinearTile& tile);
  // How many of the rows of a product stand in a group, a multiple of kRowGroup. The last group has
  // what is left.
  int64_t (*row_group)(DType dtype, int64_t rows);
  void (*pack_rows)(const RowPacking& packing);
  int64_t (*packed_bytes)(DType dtype, int64_t rows, int64_t columns);  // of one group
  void (*multiply_blocks)(const QuantizedProduct& product);
  void (*layer_norm_row)(const float* x, const float* weight, const float* bias, double epsilon,
                         int64_t width, float* y);
  void (*rms_norm_row)(const float* x, const float* weight, double epsilon, int64_t width,
                       float* y);
  void (*gelu_erf)(const float* x, int64_t count, float* y);
  void (*silu_mul)(const float* gate, const float* up, int64_t count, float* y);
  // head: [2 · half]; (head[i], head[half + i]) is turned by the angle of cosine[i], sine[i].
  void (*rotate_head)(const float* cosine, const float* sine, int64_t half, float* head);
  void (*softmax_row)(const float* x, int64_t count, float* y);
  void (*attend_chunk)(const AttentionChunk& chunk);
};

// Null where this build has no such level (another kind of processor).
const Kernels* generic_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* avx512vnni_kernels();
const Kernels* amx_kernels();

}  // namespace stapes
