// How a sequence's keys and values lie in pages. Whoever owns the pages (the engine's pool) hands a
// view to the decoder, which writes the rows of the new tokens and reads all earlier ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/kv_slot.h"
#include "ops/ops.h"
#include "spec/model_config.h"

namespace stapes {

// One page holds page_tokens consecutive tokens of one sequence for all layers:
//   [layers]: keys [K, W, page_tokens], then values [K, page_tokens, W] (ops/kv_slot.h)
// so that what one head reads of a page is one contiguous block.
struct KvLayout {
  int64_t layers = 0;
  int64_t kv_heads = 0;                   // K
  int64_t head_width = 0;                 // W
  int64_t page_tokens = kPageTokensUnit;  // a multiple of it
  DType dtype = DType::kF32;              // or kBF16, kI8

  static KvLayout of(const DecoderConfig& config, int64_t page_tokens = kPageTokensUnit);

  int64_t page_bytes() const { return layers * layer_bytes(); }
  // Pages that hold `tokens` tokens.
  int64_t pages_for(int64_t tokens) const { return (tokens + page_tokens - 1) / page_tokens; }
  // The keys of one layer in one page, and the values.
  int64_t key_bytes() const { return kv_heads * key_plane_bytes(dtype, head_width, page_tokens); }
  int64_t value_bytes() const {
    return kv_heads * value_plane_bytes(dtype, head_width, page_tokens);
  }
  int64_t layer_bytes() const { return key_bytes() + value_bytes(); }
};

// One sequence's pages in token order: token t is in pages[t / page_tokens]. Pages are page_bytes()
// long and aligned to 16 bytes; they may be shared between sequences as long as nobody
// writes to a shared one. The view does not own them.
struct KvView {
  KvLayout layout;
  std::span<std::byte* const> pages;

  int64_t capacity_tokens() const {
    return static_cast<int64_t>(pages.size()) * layout.page_tokens;
  }
  KvPages layer(int64_t index) const;
};

}  // namespace stapes
