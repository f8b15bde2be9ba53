// Sequences that have been going on for a while, without having computed them: their pages hold
// random keys and values. What attention costs does not depend on the numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/huge_memory.h"
#include "model/kv_view.h"
#include "ops/ops.h"

namespace stapes {

class SyntheticContext {
 public:
  // `sequences` sequences with room for `capacity_tokens` tokens each, the first `filled_tokens` of
  // which are there. Pages are written as the decoder writes them, in any dtype that `ops` knows.
  SyntheticContext(const Ops& ops, const KvLayout& layout, int64_t sequences, int64_t filled_tokens,
                   int64_t capacity_tokens);

  KvView view(int64_t sequence) const;
  // Memory that the constructor takes.
  static int64_t size_bytes(const KvLayout& layout, int64_t sequences, int64_t capacity_tokens);

 private:
  void fill(const Ops& ops, int64_t sequence, int64_t tokens) const;

  KvLayout layout_;
  HugeMemory memory_;
  std::vector<std::vector<std::byte*>> pages_;  // of each sequence
};

}  // namespace stapes
