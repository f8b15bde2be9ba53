// Whether the engine's loop still turns.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace stapes::serve {

// Counts turns between one look and the next. A loop without work sleeps, so each look also asks it
// for a turn. Thread-safe.
class LoopWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // turns: how many the loop has made; nudge: asks it for one more.
  LoopWatch(std::function<int64_t()> turns, std::function<void()> nudge,
            std::chrono::milliseconds longest_turn);

  // How long the loop has stood still, by what was seen at earlier looks, where that is longer than
  // any turn may take. The first look sees nothing.
  std::optional<std::chrono::seconds> standstill(Clock::time_point now = Clock::now());

 private:
  const std::function<int64_t()> turns_;
  const std::function<void()> nudge_;
  const std::chrono::milliseconds longest_turn_;
  std::mutex mutex_;
  int64_t seen_turns_ = -1;
  Clock::time_point nudged_;  // since then it should have turned
};

}  // namespace stapes::serve
