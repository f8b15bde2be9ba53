#include "engine/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace stapes {

struct PrefixCache::Entry {
  ContentHash hash;
  const Entry* parent = nullptr;
  std::vector<PositionContent> contents;  // [page_tokens]
  PageId page = 0;
  std::list<Entry*>::iterator place;  // in by_use_
};

namespace {

ContentHash chain_hash(const PrefixCache::Entry* parent,
                       std::span<const PositionContent> contents) {
  return hash_of(parent != nullptr ? parent->hash : ContentHash{}, std::as_bytes(contents));
}

}  // namespace

PrefixCache::PrefixCache(KvPagePool& pool) : pool_(&pool) {
  pool_->on_full([this] { return evict(); });
}

PrefixCache::~PrefixCache() {
  pool_->on_full({});
  for (const Entry* entry : by_use_) pool_->release(entry->page);
}

const PrefixCache::Entry* PrefixCache::find(const Entry* parent,
                                            std::span<const PositionContent> contents) const {
  const auto found = entries_.find(chain_hash(parent, contents));
  if (found == entries_.end()) return nullptr;
  const Entry& entry = *found->second;
  const bool same = entry.parent == parent && std::ranges::equal(entry.contents, contents);
  return same ? &entry : nullptr;
}

const PrefixCache::Entry* PrefixCache::insert(const Entry* parent,
                                              std::span<const PositionContent> contents,
                                              PageId page) {
  const ContentHash hash = chain_hash(parent, contents);
  if (entries_.contains(hash)) return find(parent, contents);
  auto entry = std::make_unique<Entry>();
  entry->hash = hash;
  entry->parent = parent;
  entry->contents.assign(contents.begin(), contents.end());
  entry->page = page;
  // Whatever needs memory comes before whatever changes something.
  std::list<Entry*> place = {entry.get()};
  Entry& kept = *entries_.emplace(hash, std::move(entry)).first->second;
  kept.place = place.begin();
  by_use_.splice(parent != nullptr ? std::next(parent->place) : by_use_.begin(), place);
  pool_->add_holder(page);
  return &kept;
}

PageId PrefixCache::page_of(const Entry& entry) {
  return entry.page;
}

// From the last page to the first, so that each ends up before its children.
void PrefixCache::touch(const Entry* last) {
  for (const Entry* entry = last; entry != nullptr; entry = entry->parent)
    by_use_.splice(by_use_.begin(), by_use_, entry->place);
}

bool PrefixCache::evict() {
  const auto last = std::find_if(by_use_.rbegin(), by_use_.rend(), [this](const Entry* entry) {
    return pool_->holders(entry->page) == 1;
  });
  if (last == by_use_.rend()) return false;
  const Entry& entry = **last;
  pool_->release(entry.page);
  by_use_.erase(entry.place);
  entries_.erase(ContentHash(entry.hash));
  return true;
}

int64_t CachedPrefix::take(KvPageList& pages, std::span<const PositionContent> contents,
                           int64_t limit_tokens) {
  if (cache_ == nullptr) return 0;
  const auto page_tokens = static_cast<size_t>(pages.page_tokens());
  const auto limit = static_cast<size_t>(limit_tokens);
  STAPES_CHECK(limit <= contents.size());
  int64_t tokens = 0;
  while (true) {
    const size_t begin = static_cast<size_t>(count_) * page_tokens;
    if (pages.pages().size() != static_cast<size_t>(count_) || begin + page_tokens > limit) break;
    const PrefixCache::Entry* next = cache_->find(last_, contents.subspan(begin, page_tokens));
    if (next == nullptr) break;
    pages.append_shared(PrefixCache::page_of(*next));
    last_ = next;
    ++count_;
    tokens += static_cast<int64_t>(page_tokens);
  }
  if (tokens > 0) cache_->touch(last_);
  return tokens;
}

void CachedPrefix::keep(KvPageList& pages, std::span<const PositionContent> contents) {
  const auto page_tokens = static_cast<size_t>(pages.page_tokens());
  while (cache_ != nullptr && (static_cast<size_t>(count_) + 1) * page_tokens <= contents.size()) {
    const auto index = static_cast<size_t>(count_);
    const PrefixCache::Entry* kept = cache_->insert(
        last_, contents.subspan(index * page_tokens, page_tokens), pages.pages()[index]);
    if (kept == nullptr) {
      cache_ = nullptr;  // what comes after an unkept page cannot be kept either
      return;
    }
    pages.exchange(index, PrefixCache::page_of(*kept));
    last_ = kept;
    ++count_;
  }
}

}  // namespace stapes
