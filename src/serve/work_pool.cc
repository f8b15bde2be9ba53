#include "serve/work_pool.h"

#include <utility>

#include "base/fail.h"

namespace stapes::serve {

WorkPool::WorkPool(int threads, int64_t max_waiting) : max_waiting_(max_waiting) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkPool::~WorkPool() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkPool::add(std::function<void()> task) {
  const std::scoped_lock lock(mutex_);
  if (static_cast<int64_t>(waiting_.size()) >= max_waiting_)
    fail(ErrorCode::kBusy, "{} requests wait to be read already, and no more may", waiting_.size());
  waiting_.push_back(std::move(task));
  changed_.notify_one();
}

void WorkPool::run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace stapes::serve
