#include "world/conflict.h"

#include <algorithm>

#include "base/fail.h"

namespace stapes::world {

ConflictPlan plan_conflict(std::vector<int> available, int most_digits, Rng& rng) {
  if (available.size() < 2)
    fail(ErrorCode::kInvalidData,
         "the task conflict needs two different digits of each speaker, found {}",
         available.size());
  const auto most = std::min<int64_t>(most_digits, static_cast<int64_t>(available.size()));
  const int64_t count = rng.integer(2, most);
  ConflictPlan plan;
  while (static_cast<int64_t>(plan.digits.size()) < count) {
    const int64_t place = rng.integer(0, static_cast<int64_t>(available.size()) - 1);
    plan.digits.push_back(available[static_cast<size_t>(place)]);
    available.erase(available.begin() + place);
  }
  plan.number_trend = rng.chance(0.5) ? 1 : -1;
  plan.loudness_trend = rng.chance(0.5) ? 1 : -1;
  std::ranges::sort(plan.digits);
  if (plan.number_trend < 0) std::ranges::reverse(plan.digits);
  // As much as a melody's loudness changes, and more for more digits: each step can be heard.
  const auto steps = static_cast<double>(count - 1);
  const double change_db = plan.loudness_trend * (rng.uniform(10, 16) + 2.5 * (steps - 1));
  for (int64_t i = 0; i < count; ++i)
    plan.levels_db.push_back(change_db * (static_cast<double>(i) / steps - 0.5) +
                             rng.uniform(-0.4, 0.4));
  return plan;
}

}  // namespace stapes::world
