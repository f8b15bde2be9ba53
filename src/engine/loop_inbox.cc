#include "engine/loop_inbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/fail.h"

namespace stapes {

void LoopInbox::push(QueuedRequest request, WhenFull when_full) {
  std::unique_lock lock(mutex_);
  const auto has_place = [this] { return static_cast<int64_t>(queue_.size()) < limit_; };
  if (when_full == WhenFull::kWait) has_place_.wait(lock, [&] { return closed_ || has_place(); });
  if (closed_) fail(ErrorCode::kCancelled, "the engine has been closed");
  if (!has_place())
    fail(ErrorCode::kBusy, "{} requests are waiting already, and no more may (the limit is {})",
         queue_.size(), limit_);
  queue_.push_back(std::move(request));
  ++events_;
  event_.notify_one();
}

void LoopInbox::wake() {
  const std::scoped_lock lock(mutex_);
  ++events_;
  event_.notify_one();
}

void LoopInbox::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  ++events_;
  event_.notify_one();
  has_place_.notify_all();
}

bool LoopInbox::closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

int64_t LoopInbox::size() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<int64_t>(queue_.size());
}

uint64_t LoopInbox::events() const {
  const std::scoped_lock lock(mutex_);
  return events_;
}

void LoopInbox::wait_for_event_after(uint64_t seen) {
  std::unique_lock lock(mutex_);
  event_.wait(lock, [&] { return events_ != seen; });
}

std::optional<QueuedRequest> LoopInbox::take_first(
    const std::function<bool(const QueuedRequest&)>& fits) {
  const std::scoped_lock lock(mutex_);
  if (queue_.empty() || !fits(queue_.front())) return std::nullopt;
  QueuedRequest first = std::move(queue_.front());
  queue_.pop_front();
  has_place_.notify_one();
  return first;
}

std::vector<QueuedRequest> LoopInbox::take_cancelled() {
  const std::scoped_lock lock(mutex_);
  const auto first =
      std::stable_partition(queue_.begin(), queue_.end(), [this](const QueuedRequest& request) {
        return !closed_ && !request.stream->cancel_requested();
      });
  std::vector<QueuedRequest> cancelled(std::make_move_iterator(first),
                                       std::make_move_iterator(queue_.end()));
  queue_.erase(first, queue_.end());
  if (!cancelled.empty()) has_place_.notify_all();
  return cancelled;
}

}  // namespace stapes
