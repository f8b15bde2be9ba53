#include "ops/kv_slot.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stapes {
namespace {

constexpr int64_t kWordBytes = 4;  // a group of integers
constexpr int kByteZero = 128;     // what stands for 0 in kI8

int64_t bytes_of(DType dtype) {
  return static_cast<int64_t>(size_bytes(dtype));
}

int64_t groups_of(DType dtype, int64_t count) {
  return (count + kv_group(dtype) - 1) / kv_group(dtype);
}

// kF32, kBF16: components, `stride_bytes` apart.
void store(DType dtype, const float* values, int64_t count, std::byte* at, int64_t stride_bytes) {
  if (dtype == DType::kF32) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(at + i * stride_bytes, values + i, 4);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = f32_to_bf16(values[i]);
    std::memcpy(at + i * stride_bytes, &bits, sizeof bits);
  }
}

float load(DType dtype, const std::byte* at) {
  if (dtype == DType::kF32) {
    float value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  if (dtype == DType::kI8) return static_cast<float>(std::to_integer<int>(*at) - kByteZero);
  uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return dtype == DType::kBF16 ? bf16_to_f32(bits) : static_cast<float>(static_cast<int16_t>(bits));
}

// Of component i, within a key that begins at `key`; of a value likewise.
std::byte* key_component(const KvSlot& slot, std::byte* key, int64_t i) {
  if (!is_integer_kv(slot.kv->dtype)) return key + i * slot.key_stride_bytes();
  const int64_t group = kv_group(slot.kv->dtype);
  return key + i / group * slot.key_stride_bytes() + i % group * slot.element_bytes();
}
std::byte* value_component(const KvSlot& slot, std::byte* value, int64_t token, int64_t i) {
  if (!is_integer_kv(slot.kv->dtype)) return value + i * slot.element_bytes();
  return value + i * kWordBytes + token % kv_group(slot.kv->dtype) * slot.element_bytes();
}

// Integers to be stored, `stride_bytes` from one group to the next.
template <typename Integer, int kGroup, int kZero>
struct Integers {
  static constexpr float kLimit = kGroup == 4 ? 127.0F : 8191.0F;

  // The scale of `values`, whose integers are stored from slot `first` of the groups at `at` on,
  // one in each `every` slots.
  static float store(const float* values, int64_t count, std::byte* at, int64_t first,
                     int64_t every, int64_t stride_bytes) {
    float largest = 0;
    for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
    const float to_integer = largest > 0 ? kLimit / largest : 0.0F;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t slot = first + i * every;
      const auto integer = static_cast<Integer>(std::lrint(values[i] * to_integer) + kZero);
      std::memcpy(
          at + slot / kGroup * stride_bytes + slot % kGroup * static_cast<int64_t>(sizeof integer),
          &integer, sizeof integer);
    }
    return largest / kLimit;
  }

  static void write(const KvSlot& slot, int64_t token, const float* key, const float* value) {
    const int64_t key_stride = slot.key_stride_bytes();
    std::byte* key_at = slot.key(token);
    float* key_scale = slot.key_scale(token);
    for (int64_t first = 0; first < slot.head_width; first += kKeyScaleBlock) {
      const int64_t count = std::min(kKeyScaleBlock, slot.head_width - first);
      *key_scale =
          store(key + first, count, key_at + first / kGroup * key_stride, 0, 1, key_stride);
      key_scale += slot.kv->page_tokens;
    }
    *slot.value_scale(token) =
        store(value, slot.head_width, slot.value(token), token % kGroup, kGroup, kWordBytes);
  }
};
using Integers8 = Integers<uint8_t, 4, kByteZero>;
using Integers16 = Integers<int16_t, 2, 0>;

}  // namespace

int64_t key_plane_bytes(DType dtype, int64_t head_width, int64_t page_tokens) {
  if (!is_integer_kv(dtype)) return head_width * page_tokens * bytes_of(dtype);
  return (groups_of(dtype, head_width) + key_scale_blocks(head_width)) * page_tokens * kWordBytes;
}

int64_t value_plane_bytes(DType dtype, int64_t head_width, int64_t page_tokens) {
  if (!is_integer_kv(dtype)) return head_width * page_tokens * bytes_of(dtype);
  return (page_tokens / kv_group(dtype) * integer_value_width(head_width) + page_tokens) *
         kWordBytes;
}

std::byte* KvSlot::key(int64_t token) const {
  const int64_t key_bytes = is_integer_kv(kv->dtype) ? kWordBytes : element_bytes();
  return key_plane(token) + token % kv->page_tokens * key_bytes;
}

std::byte* KvSlot::value(int64_t token) const {
  const int64_t row = token % kv->page_tokens;
  return value_plane(token) +
         (is_integer_kv(kv->dtype) ? row / kv_group(kv->dtype) : row) * value_stride_bytes();
}

float* KvSlot::key_scale(int64_t token) const {
  return reinterpret_cast<float*>(key_plane(token) +
                                  groups_of(kv->dtype, head_width) * key_stride_bytes()) +
         token % kv->page_tokens;
}

float* KvSlot::value_scale(int64_t token) const {
  return reinterpret_cast<float*>(value_plane(token) +
                                  kv->page_tokens / kv_group(kv->dtype) * value_stride_bytes()) +
         token % kv->page_tokens;
}

void write_kv_row(const KvPages& kv, int64_t kv_heads, int64_t head_width, int64_t token,
                  const float* k, const float* v) {
  for (int64_t head = 0; head < kv_heads; ++head, k += head_width, v += head_width) {
    const KvSlot slot{.kv = &kv, .head = head, .head_width = head_width};
    if (is_integer_kv(kv.dtype)) {
      kv.dtype == DType::kI8 ? Integers8::write(slot, token, k, v)
                             : Integers16::write(slot, token, k, v);
      continue;
    }
    store(kv.dtype, k, head_width, slot.key(token), slot.key_stride_bytes());
    store(kv.dtype, v, head_width, slot.value(token), slot.element_bytes());
  }
}

void read_key(const KvSlot& slot, int64_t token, float* key) {
  for (int64_t i = 0; i < slot.head_width; ++i) {
    key[i] = load(slot.kv->dtype, key_component(slot, slot.key(token), i));
    if (is_integer_kv(slot.kv->dtype))
      key[i] *= slot.key_scale(token)[i / kKeyScaleBlock * slot.kv->page_tokens];
  }
}

void read_value(const KvSlot& slot, int64_t token, float* value) {
  for (int64_t i = 0; i < slot.head_width; ++i) {
    value[i] = load(slot.kv->dtype, value_component(slot, slot.value(token), token, i));
    if (is_integer_kv(slot.kv->dtype)) value[i] *= *slot.value_scale(token);
  }
}

}  // namespace stapes
