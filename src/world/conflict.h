// Digits whose values go one way while their loudness goes the same way or the other.
#pragma once

#include <vector>

#include "base/rng.h"
#include "world/world.h"

namespace stapes::world {

struct ConflictPlan {
  std::vector<int> digits;        // all different, in rising or falling order
  std::vector<double> levels_db;  // relative to each other; rising or falling by 4 dB or more
  int number_trend = 0;           // +1 or -1
  int loudness_trend = 0;         // +1 or -1, drawn independently
};

// Two to most_digits of the digits that there are (fewer where there are fewer). Throws
// kInvalidData for less than two.
ConflictPlan plan_conflict(std::vector<int> available, int most_digits, Rng& rng);

}  // namespace stapes::world
