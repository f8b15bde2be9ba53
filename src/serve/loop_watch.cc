#include "serve/loop_watch.h"

#include <utility>

namespace stapes::serve {

LoopWatch::LoopWatch(std::function<int64_t()> turns, std::function<void()> nudge,
                     std::chrono::milliseconds longest_turn)
    : turns_(std::move(turns)), nudge_(std::move(nudge)), longest_turn_(longest_turn) {}

std::optional<std::chrono::seconds> LoopWatch::standstill(Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  const int64_t turns = turns_();
  if (turns != seen_turns_) {
    seen_turns_ = turns;
    nudged_ = now;
  }
  nudge_();
  if (now - nudged_ <= longest_turn_) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(now - nudged_);
}

}  // namespace stapes::serve
