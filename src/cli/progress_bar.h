// One line on standard error that says how far a long command is and how long it will still take.
#pragma once

#include <chrono>
#include <cstdint>

namespace stapes::cli {

// Shows nothing where standard error is not a terminal.
class ProgressBar {
 public:
  ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // Removes the line.
  ~ProgressBar();
  // `done` of `total` bytes; drawn some times a second at most.
  void show(uint64_t done, uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_;
  Clock::time_point drawn_;
  bool terminal_;
  bool line_open_ = false;
};

}  // namespace stapes::cli
