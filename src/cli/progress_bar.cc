#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace stapes::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenDrawings{200};
constexpr double kGigabyte = 1e9;

std::string clock_time(double seconds) {
  const auto total = static_cast<int64_t>(seconds);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

}  // namespace

ProgressBar::ProgressBar()
    : start_(Clock::now()), drawn_(start_), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (!line_open_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

void ProgressBar::show(uint64_t done, uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (!terminal_ || done == 0 || (line_open_ && now - drawn_ < kBetweenDrawings)) return;
  drawn_ = now;
  line_open_ = true;
  constexpr double kWidth = 32;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto filled = static_cast<size_t>(kWidth * share);
  fmt::print(stderr, "\r\033[K[{}{}] {:.2f} of {:.2f} GB, {} left", std::string(filled, '#'),
             std::string(static_cast<size_t>(kWidth) - filled, '.'),
             static_cast<double>(done) / kGigabyte, static_cast<double>(total) / kGigabyte,
             clock_time(seconds / share - seconds));
  std::fflush(stderr);
}

}  // namespace stapes::cli
