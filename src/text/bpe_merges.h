// The merges of a byte-level BPE: which two neighbours become which token, and in which order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stapes {

class BpeMerges {
 public:
  struct Merge {
    int32_t rank;  // lower comes first
    int32_t id;    // what the two become
  };

  explicit BpeMerges(size_t expected_count);
  // The later of two merges of the same pair counts, as in `tokenizers`.
  void add(int32_t left, int32_t right, Merge merge);
  // Null if the two do not merge. Valid until the next add().
  const Merge* find(int32_t left, int32_t right) const;

  // Merges `ids` until nothing merges: each time the lowest rank, the leftmost of equals.
  // O(n^2) with a small constant for short pieces, O(n log n) for long ones.
  void apply(std::vector<int32_t>& ids) const;
  // The two ways of apply(), for the test that they agree.
  void apply_by_scan(std::vector<int32_t>& ids) const;
  void apply_by_heap(std::vector<int32_t>& ids) const;

 private:
  struct Slot {
    uint64_t key = kEmpty;  // left in the high half, right in the low half
    Merge merge{};
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  size_t slot_of(uint64_t key) const;
  void grow(size_t slot_count);

  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  size_t used_ = 0;
};

}  // namespace stapes
