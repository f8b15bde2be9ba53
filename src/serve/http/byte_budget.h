// How much memory the requests of all clients may hold together.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/fail.h"

namespace stapes::serve {

class ByteBudget {
 public:
  explicit ByteBudget(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  int64_t limit_bytes() const { return limit_bytes_; }
  int64_t used_bytes() const { return used_bytes_; }

  bool try_take(int64_t bytes) {
    if (used_bytes_.fetch_add(bytes) + bytes <= limit_bytes_) return true;
    used_bytes_.fetch_sub(bytes);
    return false;
  }
  void give_back(int64_t bytes) { used_bytes_.fetch_sub(bytes); }

 private:
  const int64_t limit_bytes_;
  std::atomic<int64_t> used_bytes_ = 0;
};

// One request's part of a budget, given back with the object. The budget must outlive it.
class ByteShare {
 public:
  ByteShare() = default;
  explicit ByteShare(ByteBudget& budget) : budget_(&budget) {}
  ByteShare(ByteShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  ByteShare& operator=(ByteShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ByteShare() {
    if (budget_ != nullptr) budget_->give_back(bytes_);
  }

  // Makes the share this large. Throws kBusy where others hold what it would need; it then stays
  // as it was. A share of no budget is never refused.
  void resize(int64_t bytes) {
    if (budget_ == nullptr) return;
    if (bytes > bytes_ && !budget_->try_take(bytes - bytes_))
      fail(ErrorCode::kBusy,
           "the requests that are being answered hold all of the {} bytes that they may hold "
           "together; try again later",
           budget_->limit_bytes());
    if (bytes < bytes_) budget_->give_back(bytes_ - bytes);
    bytes_ = bytes;
  }
  int64_t bytes() const { return bytes_; }

 private:
  ByteBudget* budget_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace stapes::serve
