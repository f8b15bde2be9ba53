// The memory of all live sequences' keys and values, in pages of a fixed number of tokens.
// A sequence holds a list of pages instead of one growing array: nothing is copied as it grows,
// what it gives back serves the next one, and (by reference counts) several sequences may hold the
// same page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "model/kv_view.h"
#include "ops/ops.h"

namespace stapes {

using PageId = int32_t;

// Not thread-safe: it belongs to the one model loop.
class KvPagePool {
 public:
  // At most `page_limit` pages are in use at a time. `ops`, whose memory the pages are, must
  // outlive the pool.
  KvPagePool(const Ops& ops, const KvLayout& layout, int64_t page_limit);

  // A page with one holder. Throws kTooLarge, saying how many tokens the pool is for, when all are
  // in use and nobody gives one up.
  PageId allocate();
  // Called when all pages are in use: makes one free, or returns false.
  void on_full(std::function<bool()> give_up_one) { give_up_one_ = std::move(give_up_one); }
  void add_holder(PageId page);
  // The last holder's release makes the page free.
  void release(PageId page);

  int64_t holders(PageId page) const;
  const KvLayout& layout() const { return layout_; }
  int64_t page_limit() const { return page_limit_; }
  int64_t pages_in_use() const { return in_use_; }
  // layout().page_bytes() bytes, unspecified after allocate(). Memory is taken at a page's first
  // use.
  std::byte* data(PageId page);
  void copy(PageId from, PageId to);

 private:
  struct Page {
    Buffer data;
    int64_t holders = 0;
  };
  const Page& in_use(PageId page) const;

  const Ops* ops_;
  KvLayout layout_;
  int64_t page_limit_;
  std::function<bool()> give_up_one_;
  std::vector<Page> pages_;   // grows up to the limit
  std::vector<PageId> free_;  // the last freed is taken first: it is still in the cache
  int64_t in_use_ = 0;
};

// The pages of one sequence, in order of its tokens; gives them back at its end.
class KvPageList {
 public:
  explicit KvPageList(KvPagePool& pool) : pool_(&pool) {}
  KvPageList(KvPageList&& other) noexcept;
  KvPageList& operator=(KvPageList&& other) noexcept;
  ~KvPageList();

  // The same pages, held by both.
  KvPageList fork() const;
  // Afterwards there is room for `end` tokens, and the pages of the tokens [begin, end) are this
  // list's alone: what others hold too is copied first. Throws kTooLarge; pages taken so far stay
  // held.
  void prepare_write(int64_t begin, int64_t end);
  // A page that others hold too, at the end.
  void append_shared(PageId page);
  // Holds `page`, which has the same content, in place of pages()[index].
  void exchange(size_t index, PageId page);

  int64_t page_tokens() const { return pool_->layout().page_tokens; }
  std::span<const PageId> pages() const { return pages_; }
  // What the decoder reads and writes; valid until the list changes.
  KvView view() const { return {pool_->layout(), data_}; }

 private:
  void append(PageId page);

  KvPagePool* pool_;
  std::vector<PageId> pages_;
  std::vector<std::byte*> data_;  // of pages_
};

}  // namespace stapes
