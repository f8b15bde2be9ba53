#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace stapes {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) STAPES_CHECK(!stop.empty());
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return {};
  pending_ += text;
  size_t match_begin = std::string::npos;
  size_t match_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t begin = pending_.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    if (match_end == std::string::npos || end < match_end ||
        (end == match_end && begin < match_begin)) {
      match_begin = begin;
      match_end = end;
    }
  }
  stopped_ = match_begin != std::string::npos;
  if (stopped_) met_ = pending_.substr(match_begin, match_end - match_begin);
  const size_t released = stopped_ ? match_begin : pending_.size() - held_back_size();
  std::string out = pending_.substr(0, released);
  pending_.erase(0, stopped_ ? pending_.size() : released);
  return out;
}

std::string StopMatcher::finish() {
  return std::exchange(pending_, {});
}

// The longest end of the pending text with which a stop text could begin.
size_t StopMatcher::held_back_size() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t size = std::min(stop.size() - 1, pending_.size()); size > longest; --size) {
      if (pending_.ends_with(std::string_view(stop).substr(0, size))) longest = size;
    }
  }
  return longest;
}

}  // namespace stapes
