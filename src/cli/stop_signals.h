// Ctrl-C and SIGTERM for a program that has something to end first.
#pragma once

#include <csignal>
#include <cstdint>

namespace stapes::cli {

// While it lives, these signals only wake wait(). At most one lives at a time.
class StopSignals {
 public:
  enum class News : uint8_t { kSignal, kDone };

  StopSignals();  // throws kIo
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();  // the next signal ends the program as always

  // The next signal, or that somebody has called report_done().
  News wait();
  // From any thread.
  void report_done();

 private:
  int read_end_ = -1;
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
};

}  // namespace stapes::cli
