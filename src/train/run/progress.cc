#include "train/run/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace stapes::train {
namespace {

std::string clock_time(double seconds) {
  const auto total = static_cast<int64_t>(std::max(seconds, 0.0));
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

}  // namespace

Progress::Progress(int64_t first_step, int64_t last_step, bool shown)
    : first_step_(first_step),
      last_step_(last_step),
      start_(std::chrono::steady_clock::now()),
      terminal_(::isatty(STDERR_FILENO) != 0),
      shown_(shown) {}

void Progress::show(int64_t step, const std::string& figures) {
  if (!shown_) return;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const auto done = static_cast<double>(std::max<int64_t>(step - first_step_, 1));
  const double left_s = seconds / done * static_cast<double>(last_step_ - step);
  if (terminal_) {
    constexpr int64_t kWidth = 24;
    const auto filled = static_cast<size_t>(kWidth * step / std::max<int64_t>(last_step_, 1));
    const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
    fmt::print(stderr, "\r\033[K[{}] {}/{}  {}  left {}", bar, step, last_step_, figures,
               clock_time(left_s));
    line_open_ = true;
  } else {
    fmt::print(stderr, "step {}/{}  {}  left {}\n", step, last_step_, figures, clock_time(left_s));
  }
  std::fflush(stderr);
}

void Progress::finish_line() {
  if (line_open_) fmt::print(stderr, "\n");
  line_open_ = false;
}

}  // namespace stapes::train
