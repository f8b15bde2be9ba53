#include "engine/kv_page_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <set>

#include "base/rng.h"
#include "stapes/error.h"

namespace stapes {
namespace {

KvLayout four_tokens_per_page() {
  return {.layers = 2, .kv_heads = 1, .head_width = 2, .page_tokens = 4};
}

class KvPagePoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ops> ops_ = make_ops(OpsLevel::kReference, 1);
};
using KvPageListTest = KvPagePoolTest;

TEST_F(KvPagePoolTest, AFullPoolSaysWhatItsLimitIs) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 3);
  for (int i = 0; i < 3; ++i) pool.allocate();
  try {
    pool.allocate();
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
    EXPECT_STREQ(
        error.what(),
        "the key/value memory is full: all 3 pages of 4 tokens are in use (the limit is 12 "
        "tokens)");
  }
}

TEST_F(KvPagePoolTest, APageIsFreeAfterItsLastHolder) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 3);
  const PageId page = pool.allocate();
  pool.add_holder(page);
  EXPECT_EQ(pool.holders(page), 2);
  pool.release(page);
  EXPECT_EQ(pool.pages_in_use(), 1);
  pool.release(page);
  EXPECT_EQ(pool.pages_in_use(), 0);
  EXPECT_EQ(pool.allocate(), page);
}

TEST_F(KvPageListTest, GivesItsPagesBack) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 3);
  {
    KvPageList list(pool);
    list.prepare_write(0, 5);
    EXPECT_EQ(list.pages().size(), 2U);
    list.prepare_write(0, 3);
    EXPECT_EQ(list.pages().size(), 2U);
    KvPageList moved(std::move(list));
    EXPECT_EQ(moved.pages().size(), 2U);
    EXPECT_EQ(moved.view().capacity_tokens(), 8);
    EXPECT_EQ(pool.pages_in_use(), 2);
    KvPageList other(pool);
    EXPECT_THROW(other.prepare_write(0, 9), Error);
    EXPECT_EQ(pool.pages_in_use(), 3);
  }
  EXPECT_EQ(pool.pages_in_use(), 0);
}

TEST_F(KvPagePoolTest, AFullPoolAsksForAPageFirst) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 2);
  const PageId kept = pool.allocate();
  pool.allocate();
  bool gave_up = false;
  pool.on_full([&] {
    if (gave_up) return false;
    pool.release(kept);
    return gave_up = true;
  });
  EXPECT_EQ(pool.allocate(), kept);
  EXPECT_THROW(pool.allocate(), Error);
}

void fill(const KvPageList& list, size_t page, int value) {
  std::memset(list.view().pages[page], value,
              static_cast<size_t>(four_tokens_per_page().page_bytes()));
}

int last_byte(const KvPageList& list, size_t page) {
  return static_cast<int>(
      list.view().pages[page][static_cast<size_t>(four_tokens_per_page().page_bytes()) - 1]);
}

TEST_F(KvPageListTest, AForkCopiesWhatItWritesTo) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 10);
  KvPageList list(pool);
  list.prepare_write(0, 6);
  fill(list, 0, 1);
  fill(list, 1, 2);
  KvPageList other = list.fork();
  EXPECT_EQ(pool.pages_in_use(), 2);
  other.prepare_write(6, 9);
  EXPECT_EQ(pool.pages_in_use(), 4);  // a copy of the second page, and a third one
  EXPECT_EQ(other.pages()[0], list.pages()[0]);
  EXPECT_NE(other.pages()[1], list.pages()[1]);
  EXPECT_EQ(last_byte(other, 1), 2);
  fill(other, 1, 3);
  EXPECT_EQ(last_byte(list, 1), 2);
  // Now the page is the first list's alone: nothing to copy.
  const PageId own = list.pages()[1];
  list.prepare_write(6, 7);
  EXPECT_EQ(list.pages()[1], own);
}

TEST_F(KvPageListTest, APageIsExchangedForAnEqualOne) {
  KvPagePool pool(*ops_, four_tokens_per_page(), 10);
  KvPageList list(pool);
  list.prepare_write(0, 4);
  KvPageList other(pool);
  other.prepare_write(0, 4);
  fill(other, 0, 5);
  list.exchange(0, other.pages()[0]);
  EXPECT_EQ(pool.pages_in_use(), 1);
  EXPECT_EQ(pool.holders(other.pages()[0]), 2);
  EXPECT_EQ(last_byte(list, 0), 5);
  list.exchange(0, other.pages()[0]);  // for itself
  EXPECT_EQ(pool.holders(other.pages()[0]), 2);
}

TEST_F(KvPagePoolTest, NoPageEverHasTwoSequences) {
  const KvLayout layout = four_tokens_per_page();
  KvPagePool pool(*ops_, layout, 20);
  Rng rng(3);
  std::vector<KvPageList> lists;
  for (int round = 0; round < 2000; ++round) {
    if (lists.size() < 5 && rng.chance(0.6)) {
      lists.emplace_back(pool);
      lists.back().prepare_write(0, rng.integer(0, 16));
      for (std::byte* page : lists.back().view().pages)
        std::memset(page, 1, static_cast<size_t>(layout.page_bytes()));
    } else if (!lists.empty()) {
      lists.erase(lists.begin() + rng.integer(0, static_cast<int64_t>(lists.size()) - 1));
    }
    std::set<PageId> distinct;
    size_t total = 0;
    for (const KvPageList& list : lists) {
      distinct.insert(list.pages().begin(), list.pages().end());
      total += list.pages().size();
    }
    ASSERT_EQ(distinct.size(), total);
    ASSERT_EQ(pool.pages_in_use(), static_cast<int64_t>(total));
  }
}

}  // namespace
}  // namespace stapes
