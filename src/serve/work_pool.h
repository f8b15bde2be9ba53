// A few threads for what is too long for the sockets' threads: reading of large bodies, decoding
// of sound, the prompt's tokens.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stapes::serve {

class WorkPool {
 public:
  // max_waiting: tasks that no thread has taken yet.
  WorkPool(int threads, int64_t max_waiting);
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;
  ~WorkPool();  // waits for tasks that have begun; the others are dropped

  // Tasks must not throw. Throws kBusy where too many wait.
  void add(std::function<void()> task);

 private:
  void run();

  const int64_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stapes::serve
