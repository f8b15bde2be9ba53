#include "eval/score.h"

#include <algorithm>
#include <cmath>

namespace stapes {
namespace {

constexpr double kNormalQuantile = 1.959963984540054;  // of 97.5 %

struct Interval {
  double low;
  double high;
};

Interval wilson(int64_t correct, int64_t total) {
  if (total == 0) return {0, 1};
  const auto n = static_cast<double>(total);
  const double p = static_cast<double>(correct) / n;
  const double z2 = kNormalQuantile * kNormalQuantile;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormalQuantile * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace

double Score::share() const {
  return total == 0 ? 0.0 : static_cast<double>(correct) / static_cast<double>(total);
}
double Score::low() const {
  return wilson(correct, total).low;
}
double Score::high() const {
  return wilson(correct, total).high;
}

Difference difference(const Score& a, const Score& b) {
  const double value = a.share() - b.share();
  if (a.total == 0 || b.total == 0) return {value, -1, 1};
  const auto leg = [](double x, double y) { return std::sqrt(x * x + y * y); };
  return {value, value - leg(a.share() - a.low(), b.high() - b.share()),
          value + leg(a.high() - a.share(), b.share() - b.low())};
}

}  // namespace stapes
