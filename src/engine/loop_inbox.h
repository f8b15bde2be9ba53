// Where other threads reach the model loop: waiting requests, and a bell.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/prepared_request.h"
#include "engine/request_stream.h"

namespace stapes {

struct QueuedRequest {
  std::shared_ptr<const PreparedRequest> prepared;
  std::shared_ptr<RequestStream> stream;
};

enum class WhenFull : uint8_t { kRefuse, kWait };

// Thread-safe. Streams hold it too, so that a caller may still cancel when the loop is gone.
class LoopInbox {
 public:
  explicit LoopInbox(int64_t limit) : limit_(limit) {}

  // Throws kBusy when the limit is reached and nobody wants to wait; kCancelled once closed.
  void push(QueuedRequest request, WhenFull when_full);
  // Something changed that the loop may have been waiting for.
  void wake();
  // Nothing is taken any more; the loop ends.
  void close();
  bool closed() const;
  int64_t size() const;

  // The loop's side.
  uint64_t events() const;
  // Returns when there was an event since `seen`.
  void wait_for_event_after(uint64_t seen);
  // The request that has waited longest, if it `fits`.
  std::optional<QueuedRequest> take_first(const std::function<bool(const QueuedRequest&)>& fits);
  // Those that shall be cancelled; all once closed.
  std::vector<QueuedRequest> take_cancelled();

 private:
  const int64_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable event_;
  std::condition_variable has_place_;
  std::deque<QueuedRequest> queue_;
  uint64_t events_ = 0;
  bool closed_ = false;
};

}  // namespace stapes
