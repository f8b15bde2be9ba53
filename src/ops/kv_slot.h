// Where one head's keys and values lie in pages (KvPages in ops/ops.h):
//   keys [K, W, page_tokens], so that a vector holds the same component of neighbouring keys;
//   values [K, page_tokens, W].
#pragma once

#include <cstdint>
#include <cstring>

#include "ops/ops.h"

namespace stapes {

struct KvSlot {
  const KvPages* kv = nullptr;
  int64_t head = 0;
  int64_t head_width = 0;

  int64_t element_bytes() const { return static_cast<int64_t>(size_bytes(kv->dtype)); }
  // From one component of a key to the next, from one token's value to the next.
  int64_t key_stride_bytes() const { return kv->page_tokens * element_bytes(); }
  int64_t value_stride_bytes() const { return head_width * element_bytes(); }

  // The first component.
  std::byte* key(int64_t token) const {
    return plane(kv->key_offset_bytes, token) + token % kv->page_tokens * element_bytes();
  }
  std::byte* value(int64_t token) const {
    return plane(kv->value_offset_bytes, token) + token % kv->page_tokens * value_stride_bytes();
  }

 private:
  std::byte* plane(int64_t offset_bytes, int64_t token) const {
    return kv->pages[static_cast<size_t>(token / kv->page_tokens)] + offset_bytes +
           head * head_width * kv->page_tokens * element_bytes();
  }
};

// Stores a number in the pages' dtype (kF32 or kBF16), and reads it back.
inline void store_as(DType dtype, float value, std::byte* at) {
  if (dtype == DType::kF32) {
    std::memcpy(at, &value, sizeof value);
  } else {
    const uint16_t bits = f32_to_bf16(value);
    std::memcpy(at, &bits, sizeof bits);
  }
}
inline float load_as(DType dtype, const std::byte* at) {
  float value = 0;
  uint16_t bits = 0;
  if (dtype == DType::kF32) {
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::memcpy(&bits, at, sizeof bits);
  return bf16_to_f32(bits);
}

// One token's keys and values of all heads, [K · W] each.
inline void write_kv_row(const KvPages& kv, int64_t kv_heads, int64_t head_width, int64_t token,
                         const float* k, const float* v) {
  for (int64_t head = 0; head < kv_heads; ++head) {
    const KvSlot slot{.kv = &kv, .head = head, .head_width = head_width};
    std::byte* key = slot.key(token);
    std::byte* value = slot.value(token);
    for (int64_t i = 0; i < head_width; ++i) {
      store_as(kv.dtype, k[head * head_width + i], key + i * slot.key_stride_bytes());
      store_as(kv.dtype, v[head * head_width + i], value + i * slot.element_bytes());
    }
  }
}

}  // namespace stapes
