// Full pages of keys and values by content, so that sequences that begin alike share them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/content_hash.h"
#include "engine/kv_page_pool.h"

namespace stapes {

// A tree of pages: the root's children are first pages, a page's children are pages that came after
// it. The cache is one of the holders of each of its pages; when the pool runs out, the pages used
// least recently that nobody else holds are given up, children before their parents.
//
// Pages are found by the hash of their content and all before it; what they hold and what they come
// after is compared too, so that equal hashes of different contents do no harm.
// Not thread-safe: it belongs to the one model loop.
class PrefixCache {
 public:
  struct Entry;

  // The pool asks the cache for pages from now on; it must outlive the cache.
  explicit PrefixCache(KvPagePool& pool);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;
  ~PrefixCache();

  // contents: of one page [page_tokens], which comes after `parent` (nullptr: the first page).
  // nullptr: there is none. An entry is valid as long as anybody but the cache holds its page.
  const Entry* find(const Entry* parent, std::span<const PositionContent> contents) const;
  // Keeps the page. If there is one with this content already, returns that one's entry instead;
  // nullptr if the page cannot be kept because another content has its hash.
  const Entry* insert(const Entry* parent, std::span<const PositionContent> contents, PageId page);
  static PageId page_of(const Entry& entry);
  // `last` and all before it were just used.
  void touch(const Entry* last);

  // Gives up one page; false if somebody holds each of them.
  bool evict();
  int64_t pages() const { return static_cast<int64_t>(entries_.size()); }

 private:
  KvPagePool* pool_;
  std::unordered_map<ContentHash, std::unique_ptr<Entry>> entries_;
  // The most recently used first. A parent stands before its children, always: so the last page
  // that nobody else holds has no children left.
  std::list<Entry*> by_use_;
};

// One sequence's way through the cache: its first pages, as far as they are in it.
class CachedPrefix {
 public:
  // No cache: nothing is found and nothing is kept.
  explicit CachedPrefix(PrefixCache* cache) : cache_(cache) {}

  // Appends the cached pages that follow to `pages`, which holds exactly what is read so far.
  // contents: of the whole sequence; pages reach up to `limit_tokens` of it. Returns the number of
  // tokens in them.
  int64_t take(KvPageList& pages, std::span<const PositionContent> contents, int64_t limit_tokens);
  // Both have come equally far by the same pages: what one keeps next, the other can take.
  bool is_beside(const CachedPrefix& other) const {
    return cache_ != nullptr && other.cache_ == cache_ && last_ == other.last_;
  }
  // Keeps the pages that are full now. contents: of the tokens that are read. A page whose content
  // is kept already is exchanged for that one.
  void keep(KvPageList& pages, std::span<const PositionContent> contents);

 private:
  PrefixCache* cache_;
  const PrefixCache::Entry* last_ = nullptr;
  int64_t count_ = 0;  // of pages up to last_
};

}  // namespace stapes
