// What the encoder and the adaptor made of the clips heard last.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "engine/content_hash.h"
#include "tensor/tensor.h"

namespace stapes {

// One clip's rows for the decoder [tokens, D]; shared by the cache and the sequences that read it.
using ClipRows = std::shared_ptr<const Tensor>;

// Holds at most `limit_bytes` of rows; the clip used least recently goes first. A cached prefix may
// end inside of a clip: then its last rows are needed once more.
// Not thread-safe: it belongs to the one model loop.
class ClipCache {
 public:
  explicit ClipCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // nullptr: not there.
  ClipRows find(const ContentHash& clip);
  // Rows that are larger than the limit are not kept.
  void insert(const ContentHash& clip, ClipRows rows);
  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    ContentHash clip;
    ClipRows rows;
  };
  int64_t limit_bytes_;
  int64_t bytes_ = 0;
  std::list<Entry> by_use_;  // the most recently used first
  std::unordered_map<ContentHash, std::list<Entry>::iterator> entries_;
};

}  // namespace stapes
