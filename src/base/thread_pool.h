// A fixed team of threads for loops over independent items.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace stapes {

// Calls `body(begin, end)` for consecutive, disjoint chunks that cover [0, count). Which thread
// runs a chunk is open, so `body` may only write what its own items own: then the results are the
// same bits with any number of threads. Waiting threads spin for a short, bounded time and then
// sleep, so that a busy neighbour on a shared machine gets its core.
class ThreadPool {
 public:
  using Body = std::function<void(int64_t begin, int64_t end)>;

  // threads includes the calling thread; 0: one per core that this process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Returns when all chunks are done. The first exception that a chunk throws is thrown here, after
  // every running chunk has ended; chunks not yet begun are skipped. Chunks differ by one item at
  // most; there are no more of them than `smallest_chunk` items each would make. May be called from
  // several threads (one loop runs at a time) and from inside a body (runs in place).
  void parallel_for(int64_t count, int64_t smallest_chunk, const Body& body);

 private:
  struct Team;
  int threads_ = 1;
  std::unique_ptr<Team> team_;
};

}  // namespace stapes
