#include "bench/synthetic_context.h"

#include <algorithm>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace stapes {

SyntheticContext::SyntheticContext(const Ops& ops, const KvLayout& layout, int64_t sequences,
                                   int64_t filled_tokens, int64_t capacity_tokens)
    : layout_(layout),
      memory_(static_cast<size_t>(size_bytes(layout, sequences, capacity_tokens))) {
  std::byte* page = memory_.bytes().data();
  for (int64_t i = 0; i < sequences; ++i) {
    pages_.emplace_back();
    for (int64_t p = 0; p < layout.pages_for(capacity_tokens); ++p, page += layout.page_bytes())
      pages_.back().push_back(page);
    fill(ops, i, filled_tokens);
  }
}

KvView SyntheticContext::view(int64_t sequence) const {
  return {.layout = layout_, .pages = pages_.at(static_cast<size_t>(sequence))};
}

int64_t SyntheticContext::size_bytes(const KvLayout& layout, int64_t sequences,
                                     int64_t capacity_tokens) {
  return sequences * layout.pages_for(capacity_tokens) * layout.page_bytes();
}

void SyntheticContext::fill(const Ops& ops, int64_t sequence, int64_t tokens) const {
  constexpr int64_t kTokensTogether = 256;
  const int64_t width = layout_.kv_heads * layout_.head_width;
  Tensor random({2 * kTokensTogether, width});  // keys, then values
  Rng rng(1, static_cast<uint64_t>(sequence));
  for (float& value : random.values()) value = static_cast<float>(rng.normal());
  for (int64_t start = 0; start < tokens; start += kTokensTogether) {
    const int64_t rows = std::min(kTokensTogether, tokens - start);
    const auto count = static_cast<size_t>(rows * width);
    for (int64_t layer = 0; layer < layout_.layers; ++layer) {
      const RaggedSequence part{
          .first_row = 0, .rows = rows, .start_position = start, .kv = view(sequence).layer(layer)};
      ops.kv_write({.k = random.values().first(count),
                    .v = random.values().last(count),
                    .sequences = {&part, 1},
                    .kv_heads = layout_.kv_heads,
                    .head_width = layout_.head_width});
    }
  }
}

}  // namespace stapes
