#include "engine/speculation.h"

#include <algorithm>

namespace stapes {
namespace {

constexpr size_t kLongestMatch = 4;
constexpr size_t kShortestMatch = 2;

// How many tokens before `end` are the last tokens of ids, at most kLongestMatch.
size_t match_length(std::span<const int64_t> ids, size_t end) {
  size_t length = 0;
  while (length < kLongestMatch && length < end &&
         ids[end - 1 - length] == ids[ids.size() - 1 - length])
    ++length;
  return length;
}

}  // namespace

std::vector<int64_t> propose_continuation(std::span<const int64_t> ids, int64_t limit) {
  if (ids.empty() || limit <= 0) return {};
  size_t best_length = kShortestMatch - 1;
  size_t best_end = 0;
  for (size_t end = ids.size() - 1; end >= kShortestMatch && best_length < kLongestMatch; --end) {
    const size_t length = match_length(ids, end);
    if (length <= best_length) continue;
    best_length = length;
    best_end = end;
  }
  if (best_end == 0) return {};
  const size_t count = std::min(static_cast<size_t>(limit), ids.size() - best_end);
  const auto first = ids.begin() + static_cast<ptrdiff_t>(best_end);
  return {first, first + static_cast<ptrdiff_t>(count)};
}

}  // namespace stapes
