// Guesses of the next tokens without a second model: prompt lookup. Thoughts about a sound repeat
// much of the question and of themselves, so what followed the same words last time is a good
// guess.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stapes {

// At most `limit` tokens that followed the last earlier place where the text's last 4 tokens stand;
// if they stand nowhere else, its last 3, or 2. Empty if there is no such place.
std::vector<int64_t> propose_continuation(std::span<const int64_t> ids, int64_t limit);

}  // namespace stapes
