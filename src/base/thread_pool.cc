#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/available_cores.h"
#include "base/check.h"

namespace stapes {
namespace {

// Some 50 to 100 microseconds: longer than the gaps between operations of a forward, far shorter
// than a time slice of the scheduler.
constexpr int kSpins = 4000;

// Several chunks per thread, so that a thread that lost its core holds up little.
constexpr int64_t kChunksPerThread = 4;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

struct ThreadPool::Team {
  // Low half: chunks of this loop that nobody has taken yet. High half: counts the loops, so that a
  // late compare-and-swap can't take a chunk of another loop unseen. Only who has taken a chunk may
  // read the loop's fields below; the loop can't end before that chunk does.
  std::atomic<uint64_t> tickets = 0;
  std::atomic<uint32_t> wakeups = 0;    // what idle workers sleep on
  std::atomic<int32_t> unfinished = 0;  // chunks that have not ended; what the caller sleeps on
  std::atomic<bool> failed = false;
  std::atomic<bool> stopping = false;
  const Body* body = nullptr;
  int64_t count = 0;
  int64_t chunks = 0;
  std::mutex error_mutex;
  std::exception_ptr error;
  std::mutex callers;
  std::vector<std::thread> workers;

  bool run_one_chunk();
  void run_chunk(int64_t chunk);
  void work();
  void wait_until_finished();
  void stop();
};

namespace {
// The team whose chunk this thread is running: a loop inside a body runs in place.
thread_local const void* current_team = nullptr;
}  // namespace

void ThreadPool::Team::run_chunk(int64_t chunk) {
  if (!failed.load(std::memory_order_relaxed)) {
    const void* outer = std::exchange(current_team, this);
    try {
      (*body)(chunk * count / chunks, (chunk + 1) * count / chunks);
    } catch (...) {
      const std::scoped_lock lock(error_mutex);
      if (!error) error = std::current_exception();
      failed.store(true, std::memory_order_relaxed);
    }
    current_team = outer;
  }
  if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_all();
}

bool ThreadPool::Team::run_one_chunk() {
  uint64_t ticket = tickets.load(std::memory_order_acquire);
  while ((ticket & 0xffffffffU) != 0) {
    if (tickets.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) {
      run_chunk(static_cast<int64_t>(ticket & 0xffffffffU) - 1);
      return true;
    }
  }
  return false;
}

void ThreadPool::Team::work() {
  while (true) {
    const uint32_t seen = wakeups.load(std::memory_order_acquire);
    if (stopping.load(std::memory_order_acquire)) return;
    if (run_one_chunk()) continue;
    for (int i = 0; i < kSpins && wakeups.load(std::memory_order_acquire) == seen; ++i) pause();
    wakeups.wait(seen, std::memory_order_acquire);
  }
}

void ThreadPool::Team::wait_until_finished() {
  for (int i = 0; i < kSpins && unfinished.load(std::memory_order_acquire) != 0; ++i) pause();
  for (int32_t left = unfinished.load(std::memory_order_acquire); left != 0;
       left = unfinished.load(std::memory_order_acquire)) {
    unfinished.wait(left, std::memory_order_acquire);
  }
}

void ThreadPool::Team::stop() {
  stopping.store(true, std::memory_order_release);
  wakeups.fetch_add(1, std::memory_order_release);
  wakeups.notify_all();
  for (std::thread& worker : workers) worker.join();
}

ThreadPool::ThreadPool(int threads) : team_(std::make_unique<Team>()) {
  threads_ = threads > 0 ? threads : available_cores();
  try {
    for (int i = 1; i < threads_; ++i)
      team_->workers.emplace_back([team = team_.get()] { team->work(); });
  } catch (...) {
    team_->stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  team_->stop();
}

void ThreadPool::parallel_for(int64_t count, int64_t smallest_chunk, const Body& body) {
  STAPES_CHECK(count >= 0 && smallest_chunk > 0);
  if (count == 0) return;
  const int64_t chunks =
      std::min(threads_ * kChunksPerThread, (count + smallest_chunk - 1) / smallest_chunk);
  if (threads_ == 1 || chunks == 1 || current_team == team_.get()) {
    body(0, count);
    return;
  }
  const std::scoped_lock lock(team_->callers);
  team_->body = &body;
  team_->count = count;
  team_->chunks = chunks;
  team_->error = nullptr;
  team_->failed.store(false, std::memory_order_relaxed);
  team_->unfinished.store(static_cast<int32_t>(chunks), std::memory_order_relaxed);
  const uint64_t loop = (team_->tickets.load(std::memory_order_relaxed) >> 32) + 1;
  team_->tickets.store((loop << 32) | static_cast<uint64_t>(chunks), std::memory_order_release);
  team_->wakeups.fetch_add(1, std::memory_order_release);
  team_->wakeups.notify_all();
  while (team_->run_one_chunk()) {
  }
  team_->wait_until_finished();
  if (team_->error) std::rethrow_exception(std::exchange(team_->error, nullptr));
}

}  // namespace stapes
