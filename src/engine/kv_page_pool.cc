#include "engine/kv_page_pool.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {

KvPagePool::KvPagePool(const Ops& ops, const KvLayout& layout, int64_t page_limit)
    : ops_(&ops), layout_(layout), page_limit_(page_limit) {
  STAPES_CHECK(layout.page_tokens > 0 && layout.page_bytes() > 0 && page_limit > 0);
}

PageId KvPagePool::allocate() {
  if (in_use_ == page_limit_ && !(give_up_one_ && give_up_one_()))
    fail(ErrorCode::kTooLarge,
         "the key/value memory is full: all {} pages of {} tokens are in use (the limit is {} "
         "tokens)",
         page_limit_, layout_.page_tokens, page_limit_ * layout_.page_tokens);
  if (free_.empty()) {
    constexpr auto kFloatBytes = static_cast<int64_t>(sizeof(float));
    pages_.push_back({ops_->buffer((layout_.page_bytes() + kFloatBytes - 1) / kFloatBytes), 0});
    free_.push_back(static_cast<PageId>(pages_.size() - 1));
  }
  const PageId page = free_.back();
  free_.pop_back();
  pages_[static_cast<size_t>(page)].holders = 1;
  ++in_use_;
  return page;
}

const KvPagePool::Page& KvPagePool::in_use(PageId page) const {
  STAPES_CHECK(page >= 0 && static_cast<size_t>(page) < pages_.size(), "page {}", page);
  const Page& entry = pages_[static_cast<size_t>(page)];
  STAPES_CHECK(entry.holders > 0, "page {} is free", page);
  return entry;
}

void KvPagePool::add_holder(PageId page) {
  in_use(page);
  ++pages_[static_cast<size_t>(page)].holders;
}

void KvPagePool::release(PageId page) {
  in_use(page);
  if (--pages_[static_cast<size_t>(page)].holders > 0) return;
  free_.push_back(page);
  --in_use_;
}

int64_t KvPagePool::holders(PageId page) const {
  return in_use(page).holders;
}

std::byte* KvPagePool::data(PageId page) {
  in_use(page);
  return std::as_writable_bytes(pages_[static_cast<size_t>(page)].data.values()).data();
}

void KvPagePool::copy(PageId from, PageId to) {
  std::memcpy(data(to), data(from), static_cast<size_t>(layout_.page_bytes()));
}

KvPageList::KvPageList(KvPageList&& other) noexcept
    : pool_(other.pool_),
      pages_(std::exchange(other.pages_, {})),
      data_(std::exchange(other.data_, {})) {}

KvPageList& KvPageList::operator=(KvPageList&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(pages_, other.pages_);
  std::swap(data_, other.data_);
  return *this;
}

KvPageList::~KvPageList() {
  for (const PageId page : pages_) pool_->release(page);
}

KvPageList KvPageList::fork() const {
  KvPageList other(*pool_);
  other.pages_.reserve(pages_.size());
  other.data_.reserve(pages_.size());
  for (const PageId page : pages_) other.append_shared(page);
  return other;
}

void KvPageList::prepare_write(int64_t begin, int64_t end) {
  STAPES_CHECK(begin >= 0 && begin <= end);
  const auto wanted = static_cast<size_t>(pool_->layout().pages_for(end));
  for (auto i = static_cast<size_t>(begin / page_tokens()); i < pages_.size() && i < wanted; ++i) {
    if (pool_->holders(pages_[i]) == 1) continue;
    const PageId own = pool_->allocate();
    pool_->copy(pages_[i], own);
    pool_->release(std::exchange(pages_[i], own));
    data_[i] = pool_->data(own);
  }
  pages_.reserve(wanted);  // so that no page is lost between its allocation and its place here
  data_.reserve(wanted);
  while (pages_.size() < wanted) append(pool_->allocate());
}

void KvPageList::append_shared(PageId page) {
  append(page);
  pool_->add_holder(page);
}

void KvPageList::exchange(size_t index, PageId page) {
  pool_->add_holder(page);
  pool_->release(std::exchange(pages_.at(index), page));
  data_[index] = pool_->data(page);
}

void KvPageList::append(PageId page) {
  data_.push_back(pool_->data(page));
  pages_.push_back(page);
}

}  // namespace stapes
