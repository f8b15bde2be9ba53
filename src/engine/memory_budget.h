// How much key/value memory there may be, decided before anything is computed: a machine that swaps
// is of no use to anybody.
#pragma once

#include <cstdint>
#include <limits>

namespace stapes {

struct MemoryBudget {
  int64_t asked_tokens = 0;    // EngineOptions::max_kv_tokens
  int64_t context_tokens = 0;  // of one sequence
  int64_t token_bytes = 0;     // keys and values of one token
  int64_t weight_bytes = 0;    // all of them are read in every step, so they must stay in memory
  int64_t available_bytes = std::numeric_limits<int64_t>::max();
};

// Tokens of key/value memory. Where none were asked for: 65,536 or one full context, whichever is
// more, but at most half of what the weights leave free; the log says so where that is less.
// Throws kUsage (asked for less than 0), kTooLarge (asked for more than there is), kUnsupported (no
// room beside the weights).
int64_t kv_token_limit(const MemoryBudget& budget);

}  // namespace stapes
