// Where one head's keys and values lie in pages (KvPages in ops/ops.h).
//
// kF32, kBF16:
//   keys [K, W, page_tokens], so that a vector holds the same component of neighbouring keys;
//   values [K, page_tokens, W].
// kI8, kI16: integers in fours or pairs of 32 bits, which processors multiply and add in one
// instruction, followed by their f32 scales:
//   keys [K, W / group, page_tokens, group] and [K, ceil(W / 32), page_tokens] (some models have
//   components a hundred times as large as the others: one scale for a key would leave the others
//   no precision); values [K, page_tokens / group, W', group] (W' is W in whole vectors) and [K,
//   page_tokens].
// A byte of kI8 is the integer in [-127, 127] plus 128; an integer of kI16 is in [-8191, 8191], so
// that 32 products fit into 32 bits.
#pragma once

#include <cstdint>

#include "ops/ops.h"

namespace stapes {

inline constexpr int64_t kKeyScaleBlock = 32;  // components of a key in integers with one scale

constexpr bool is_integer_kv(DType dtype) {
  return dtype == DType::kI8 || dtype == DType::kI16;
}
// Integers in 32 bits.
constexpr int64_t kv_group(DType dtype) {
  return dtype == DType::kI8 ? 4 : 2;
}
constexpr int64_t key_scale_blocks(int64_t head_width) {
  return (head_width + kKeyScaleBlock - 1) / kKeyScaleBlock;
}
// W'.
constexpr int64_t integer_value_width(int64_t head_width) {
  return (head_width + 15) / 16 * 16;
}

// One head's keys, or values, of one layer in one page.
int64_t key_plane_bytes(DType dtype, int64_t head_width, int64_t page_tokens);
int64_t value_plane_bytes(DType dtype, int64_t head_width, int64_t page_tokens);

struct KvSlot {
  const KvPages* kv = nullptr;
  int64_t head = 0;
  int64_t head_width = 0;

  int64_t element_bytes() const { return static_cast<int64_t>(size_bytes(kv->dtype)); }
  // From one component (of integers: group of components) of a key to the next.
  int64_t key_stride_bytes() const {
    return kv->page_tokens * (is_integer_kv(kv->dtype) ? 4 : element_bytes());
  }
  // From one token's (of integers: group of tokens') value to the next.
  int64_t value_stride_bytes() const {
    return is_integer_kv(kv->dtype) ? integer_value_width(head_width) * 4
                                    : head_width * element_bytes();
  }

  // Component 0; of integers for any token of a key and for the first token of a group of values.
  std::byte* key(int64_t token) const;
  std::byte* value(int64_t token) const;
  // Integers only. The scale of a key's first block; that of the next is page_tokens further on.
  float* key_scale(int64_t token) const;
  float* value_scale(int64_t token) const;

 private:
  std::byte* page(int64_t token) const {
    return kv->pages[static_cast<size_t>(token / kv->page_tokens)];
  }
  std::byte* key_plane(int64_t token) const {
    return page(token) + kv->key_offset_bytes +
           head * key_plane_bytes(kv->dtype, head_width, kv->page_tokens);
  }
  std::byte* value_plane(int64_t token) const {
    return page(token) + kv->value_offset_bytes +
           head * value_plane_bytes(kv->dtype, head_width, kv->page_tokens);
  }
};

// One token's keys and values of all heads, [K · W] each.
void write_kv_row(const KvPages& kv, int64_t kv_heads, int64_t head_width, int64_t token,
                  const float* k, const float* v);

// What is stored, widened: [W] of one head. The slow way, for the reference and for tests.
void read_key(const KvSlot& slot, int64_t token, float* key);
void read_value(const KvSlot& slot, int64_t token, float* value);

}  // namespace stapes
