#include "engine/clip_cache.h"

#include <utility>

namespace stapes {
namespace {

int64_t bytes_of(const ClipRows& rows) {
  return static_cast<int64_t>(rows->values().size_bytes());
}

}  // namespace

ClipRows ClipCache::find(const ContentHash& clip) {
  const auto found = entries_.find(clip);
  if (found == entries_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->rows;
}

void ClipCache::insert(const ContentHash& clip, ClipRows rows) {
  const int64_t added_bytes = bytes_of(rows);
  if (added_bytes > limit_bytes_ || find(clip) != nullptr) return;
  while (bytes_ + added_bytes > limit_bytes_) {
    bytes_ -= bytes_of(by_use_.back().rows);
    entries_.erase(by_use_.back().clip);
    by_use_.pop_back();
  }
  by_use_.push_front({clip, std::move(rows)});
  entries_.emplace(clip, by_use_.begin());
  bytes_ += added_bytes;
}

}  // namespace stapes
