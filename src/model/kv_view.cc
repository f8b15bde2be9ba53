#include "model/kv_view.h"

#include "base/check.h"

namespace stapes {

KvLayout KvLayout::of(const DecoderConfig& config, int64_t page_tokens) {
  STAPES_CHECK(page_tokens > 0);
  return {.layers = config.layers,
          .kv_heads = config.kv_heads,
          .head_width = config.head_width(),
          .page_tokens = page_tokens};
}

KvPages KvView::layer(int64_t index) const {
  STAPES_CHECK(index >= 0 && index < layout.layers);
  return {.pages = pages,
          .dtype = layout.dtype,
          .page_tokens = layout.page_tokens,
          .key_offset_bytes = index * layout.layer_bytes(),
          .value_offset_bytes = index * layout.layer_bytes() + layout.key_bytes()};
}

}  // namespace stapes
