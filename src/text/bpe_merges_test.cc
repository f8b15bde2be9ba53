#include "text/bpe_merges.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace stapes {
namespace {

using Ids = std::vector<int32_t>;
using Table = std::map<std::pair<int32_t, int32_t>, BpeMerges::Merge>;

// The definition: merge the leftmost pair of the lowest rank until there is none.
Ids merged_slowly(Ids ids, const Table& table) {
  for (;;) {
    const BpeMerges::Merge* best = nullptr;
    size_t best_position = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = table.find({ids[i], ids[i + 1]});
      if (found == table.end() || (best && best->rank <= found->second.rank)) continue;
      best = &found->second;
      best_position = i;
    }
    if (!best) return ids;
    ids[best_position] = best->id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_position) + 1);
  }
}

TEST(BpeMerges, BothWaysEqualTheDefinition) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    BpeMerges merges(4);
    Table table;
    const int64_t merge_count = rng.integer(0, 40);
    for (int64_t i = 0; i < merge_count; ++i) {
      // Few ids, so that merges feed each other, also out of the order that a trainer would make.
      const auto left = static_cast<int32_t>(rng.integer(0, 12));
      const auto right = static_cast<int32_t>(rng.integer(0, 12));
      const BpeMerges::Merge merge{static_cast<int32_t>(i),
                                   static_cast<int32_t>(rng.integer(0, 12))};
      merges.add(left, right, merge);
      table[{left, right}] = merge;
    }
    for (const int64_t length : {0, 1, 2, 3, 17, 100, 191, 192, 193, 300}) {
      Ids ids;
      for (int64_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>(rng.integer(0, 4)));
      const Ids expected = merged_slowly(ids, table);
      Ids by_scan = ids;
      Ids by_heap = ids;
      merges.apply_by_scan(by_scan);
      merges.apply_by_heap(by_heap);
      merges.apply(ids);
      ASSERT_EQ(by_scan, expected) << "seed " << seed << " length " << length;
      ASSERT_EQ(by_heap, expected) << "seed " << seed << " length " << length;
      ASSERT_EQ(ids, expected) << "seed " << seed << " length " << length;
    }
  }
}

TEST(BpeMerges, FindsWhatWasAddedAndNothingElse) {
  BpeMerges merges(0);
  for (int32_t i = 0; i < 5000; ++i) merges.add(i, 3 * i, {i, i + 1});
  for (int32_t i = 0; i < 5000; ++i) {
    ASSERT_NE(merges.find(i, 3 * i), nullptr);
    ASSERT_EQ(merges.find(i, 3 * i)->rank, i);
    ASSERT_EQ(merges.find(i, 3 * i + 1), nullptr);
  }
}

TEST(BpeMerges, TheLaterOfTwoCounts) {
  BpeMerges merges(2);
  merges.add(1, 2, {0, 3});
  merges.add(1, 2, {1, 4});
  EXPECT_EQ(merges.find(1, 2)->id, 4);
}

}  // namespace
}  // namespace stapes
