// One line that says how far a run is, how fast, and how long it will still take.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace stapes::train {

class Progress {
 public:
  // Where it is not shown (of several ranks one is enough), all below does nothing.
  Progress(int64_t first_step, int64_t last_step, bool shown = true);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { finish_line(); }
  // On a terminal the line is rewritten in place with a bar; elsewhere each call is a line.
  void show(int64_t step, const std::string& figures);
  // Ends the rewritten line, so that other output starts on a fresh one.
  void finish_line();

 private:
  int64_t first_step_, last_step_;
  std::chrono::steady_clock::time_point start_;
  bool terminal_;
  bool shown_;
  bool line_open_ = false;
};

}  // namespace stapes::train
