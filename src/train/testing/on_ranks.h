// Several ranks in one process, for tests: threads in place of processes, and real sockets.
#pragma once

#include <chrono>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "train/parallel/ranks.h"

namespace stapes::train {

inline uint16_t free_port() {
  c10d::TCPStoreOptions any;  // port 0: the system chooses
  any.isServer = true;
  any.waitWorkers = false;
  return c10::make_intrusive<c10d::TCPStore>("127.0.0.1", any)->getPort();
}

// Runs `work` once for each rank: real sockets, in threads of one process.
template <typename Work>
void on_ranks(int count, Work work, std::chrono::seconds timeout = std::chrono::seconds(20)) {
  const uint16_t port = free_port();
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
