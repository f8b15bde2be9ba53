#include "train/rl/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace stapes::train {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = 0.5 * static_cast<double>(begin + end - 1);
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
    begin = end;
  }
  return ranks;
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNothing;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  if (values.empty()) return kNothing;
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return sum / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  return std::sqrt(variance(values));
}

double quantile(std::span<const double> values, double share) {
  if (values.empty()) return kNothing;
  std::vector<double> sorted(values.begin(), values.end());
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

double explained_variance(std::span<const double> guesses, std::span<const double> truths) {
  STAPES_CHECK(guesses.size() == truths.size());
  constexpr double kHardlyVaries = 1e-8;
  const double of_truth = variance(truths);
  if (!(of_truth > kHardlyVaries)) return kNothing;
  std::vector<double> left(truths.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = truths[i] - guesses[i];
  return 1 - variance(left) / of_truth;
}

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  STAPES_CHECK(a.size() == b.size());
  if (a.empty()) return kNothing;
  const std::vector<double> of_a = ranks(a), of_b = ranks(b);
  const double mean_a = mean(of_a), mean_b = mean(of_b);
  double product = 0, square_a = 0, square_b = 0;
  for (size_t i = 0; i < of_a.size(); ++i) {
    product += (of_a[i] - mean_a) * (of_b[i] - mean_b);
    square_a += (of_a[i] - mean_a) * (of_a[i] - mean_a);
    square_b += (of_b[i] - mean_b) * (of_b[i] - mean_b);
  }
  if (square_a == 0 || square_b == 0) return kNothing;
  return product / std::sqrt(square_a * square_b);
}

}  // namespace stapes::train
