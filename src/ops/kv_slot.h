// Where one head's key and value of one token lie in f32 pages (KvPages in ops/ops.h).
#pragma once

#include <cstdint>

#include "ops/ops.h"

namespace stapes {

struct KvSlot {
  int64_t head = 0;
  int64_t head_width = 0;

  float* key(const KvPages& kv, int64_t token) const { return at(kv, kv.key_offset_bytes, token); }
  float* value(const KvPages& kv, int64_t token) const {
    return at(kv, kv.value_offset_bytes, token);
  }

 private:
  float* at(const KvPages& kv, int64_t offset_bytes, int64_t token) const {
    std::byte* page = kv.pages[static_cast<size_t>(token / kv.page_tokens)];
    auto* plane = reinterpret_cast<float*>(page + offset_bytes);
    return plane + (head * kv.page_tokens + token % kv.page_tokens) * head_width;
  }
};

}  // namespace stapes
