// Several ranks in one process, for tests: threads in place of processes, and real sockets.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "train/parallel/ranks.h"

namespace stapes::train {

// One that no other test has at the same time: tests are processes of their own, and below 32,768
// the system gives out no ports by itself.
inline uint16_t port_of_this_test() {
  static std::atomic<int> next{0};
  return static_cast<uint16_t>(20000 + (::getpid() * 8 + next++) % 12768);
}

// Runs `work` once for each rank: real sockets, in threads of one process.
template <typename Work>
void on_ranks(int count, Work work, std::chrono::seconds timeout = std::chrono::seconds(20)) {
  const uint16_t port = port_of_this_test();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([=] {
      const Ranks ranks(
          {.rank = rank, .count = count, .address = "127.0.0.1", .port = port, .timeout = timeout});
      work(ranks);
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace stapes::train
