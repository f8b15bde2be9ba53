#include "text/bpe_merges.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "base/check.h"

namespace stapes {
namespace {

constexpr int32_t kNoRank = std::numeric_limits<int32_t>::max();
// Up to here the scan is faster than the heap (bench/tokenizer_bench.cc).
constexpr size_t kScanLimit = 192;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

BpeMerges::BpeMerges(size_t expected_count) {
  grow(std::bit_ceil(expected_count * 2 + 16));
}

size_t BpeMerges::slot_of(uint64_t key) const {
  const size_t mask = slots_.size() - 1;
  uint64_t hash = key * 0x9e3779b97f4a7c15ULL;
  hash ^= hash >> 32;
  size_t slot = static_cast<size_t>(hash) & mask;
  while (slots_[slot].key != key && slots_[slot].key != kEmpty) slot = (slot + 1) & mask;
  return slot;
}

void BpeMerges::grow(size_t slot_count) {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slot_count));
  for (const Slot& slot : old) {
    if (slot.key != kEmpty) slots_[slot_of(slot.key)] = slot;
  }
}

void BpeMerges::add(int32_t left, int32_t right, Merge merge) {
  STAPES_CHECK(left >= 0 && right >= 0, "merge of {} and {}", left, right);
  if (2 * (used_ + 1) > slots_.size()) grow(slots_.size() * 2);
  const uint64_t key = pair_key(left, right);
  Slot& slot = slots_[slot_of(key)];
  if (slot.key == kEmpty) ++used_;
  slot = {key, merge};
}

const BpeMerges::Merge* BpeMerges::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_key(left, right))];
  return slot.key == kEmpty ? nullptr : &slot.merge;
}

void BpeMerges::apply(std::vector<int32_t>& ids) const {
  if (ids.size() <= kScanLimit) {
    apply_by_scan(ids);
  } else {
    apply_by_heap(ids);
  }
}

void BpeMerges::apply_by_scan(std::vector<int32_t>& ids) const {
  if (ids.size() < 2) return;
  // merges[i] is what ids[i] and ids[i + 1] become.
  thread_local std::vector<Merge> merges;
  const auto lookup = [&](size_t i) {
    const Merge* merge = i + 1 < ids.size() ? find(ids[i], ids[i + 1]) : nullptr;
    return merge ? *merge : Merge{kNoRank, 0};
  };
  merges.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) merges[i] = lookup(i);

  for (;;) {
    const auto best = std::min_element(merges.begin(), merges.end(),
                                       [](Merge a, Merge b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) return;
    const auto i = best - merges.begin();
    ids[static_cast<size_t>(i)] = best->id;
    ids.erase(ids.begin() + i + 1);
    merges.erase(best + 1);
    merges[static_cast<size_t>(i)] = lookup(static_cast<size_t>(i));
    if (i > 0) merges[static_cast<size_t>(i - 1)] = lookup(static_cast<size_t>(i - 1));
  }
}

void BpeMerges::apply_by_heap(std::vector<int32_t>& ids) const {
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  constexpr int32_t kGone = -1;
  const size_t count = ids.size();
  if (count < 2) return;
  std::vector<size_t> previous(count);
  std::vector<size_t> next(count);
  for (size_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kNone : i - 1;
    next[i] = i + 1 == count ? kNone : i + 1;
  }

  struct Candidate {
    int32_t rank;
    size_t position;  // of the left one
    int32_t left;     // the pair as it was: if one has changed since, the candidate is stale
    int32_t right;
    int32_t id;
    bool operator>(const Candidate& other) const {
      return std::pair(rank, position) > std::pair(other.rank, other.position);
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto offer = [&](size_t position) {
    if (position == kNone || next[position] == kNone) return;
    const int32_t left = ids[position];
    const int32_t right = ids[next[position]];
    if (const Merge* merge = find(left, right)) {
      candidates.push({merge->rank, position, left, right, merge->id});
    }
  };
  for (size_t i = 0; i < count; ++i) offer(i);

  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    const size_t right = next[best.position];
    if (ids[best.position] != best.left || right == kNone || ids[right] != best.right) continue;
    ids[best.position] = best.id;
    ids[right] = kGone;
    next[best.position] = next[right];
    if (next[right] != kNone) previous[next[right]] = best.position;
    offer(previous[best.position]);
    offer(best.position);
  }
  std::erase(ids, kGone);
}

}  // namespace stapes
