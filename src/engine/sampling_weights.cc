#include "engine/sampling_weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

namespace stapes {
namespace {

// Sums and maxima of this many values side by side: one alone would wait for itself.
constexpr size_t kSideBySide = 16;

// e^x for x <= 0, 0 where n is below -126: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2], whose
// coefficients are Taylor's: the first left out is r^7 / 5040, 1.2e-7 of 1 at most.
float exponential(float x) {
  constexpr float kLowest = -88.0F;            // n = -127, whose power is 0 here
  constexpr float kRound = 12582912.0F;        // 1.5 · 2^23: adding it rounds to an integer
  constexpr float kLog2High = 0.693359375F;    // few bits: its products with n are exact
  constexpr float kLog2Low = -2.12194440e-4F;  // the rest of ln 2
  const float inside = x > kLowest ? x : kLowest;
  const float n = (inside * 1.44269504F + kRound) - kRound;
  const float r = (inside - n * kLog2High) - n * kLog2Low;
  float p = r * (1.0F / 720) + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

double sum_of(std::span<const float> values) {
  std::array<double, kSideBySide> sums{};
  size_t i = 0;
  for (; i + kSideBySide <= values.size(); i += kSideBySide) {
    for (size_t j = 0; j < kSideBySide; ++j) sums[j] += static_cast<double>(values[i + j]);
  }
  double total = 0;
  for (; i < values.size(); ++i) total += static_cast<double>(values[i]);
  for (const double sum : sums) total += sum;
  return total;
}

// Weights that begin with the same exponent and three bits of the mantissa share a bin: its ends
// are an eighth of an octave apart.
constexpr int kBinShift = 20;
constexpr size_t kBins = size_t{1} << (31 - kBinShift);

size_t bin_of(float weight) {
  return std::bit_cast<uint32_t>(weight) >> kBinShift;
}

// The lower end of the bin below the one in which the sum of what `amount` gives for each weight,
// from the largest down, reaches `wanted`.
template <typename Amount>
float threshold(std::span<const float> weights, double wanted, const Amount& amount) {
  std::vector<double> bins(kBins, 0.0);
  for (const float weight : weights) bins[bin_of(weight)] += amount(weight);
  double sum = 0;
  for (size_t bin = kBins; bin-- > 1;) {
    sum += bins[bin];
    if (sum >= wanted) return std::bit_cast<float>(static_cast<uint32_t>(bin - 1) << kBinShift);
  }
  return 0;
}

}  // namespace

float largest(std::span<const float> values) {
  std::array<float, kSideBySide> top;
  top.fill(-INFINITY);
  int32_t nan = 0;
  for (const float value : values) nan |= static_cast<int32_t>(value != value);
  if (nan != 0) return NAN;
  size_t i = 0;
  for (; i + kSideBySide <= values.size(); i += kSideBySide) {
    for (size_t j = 0; j < kSideBySide; ++j) top[j] = std::max(top[j], values[i + j]);
  }
  float result = *std::ranges::max_element(top);
  for (; i < values.size(); ++i) result = std::max(result, values[i]);
  return result;
}

double exponentiate(std::span<const float> values, float highest, double temperature,
                    std::span<float> weights) {
  constexpr double kSteepest = 1e30;  // an infinite scale would make a NaN of 0
  const auto scale = static_cast<float>(std::min(1 / temperature, kSteepest));
  for (size_t i = 0; i < values.size(); ++i)
    weights[i] = exponential((values[i] - highest) * scale);
  return sum_of(weights);
}

size_t index_of_mass(std::span<const float> weights, double mass) {
  constexpr size_t kBlock = 1024;  // passed over by its sum: one by one, each waits for the last
  for (size_t begin = 0; begin < weights.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, weights.size());
    const double sum = sum_of(weights.subspan(begin, end - begin));
    if (sum <= mass) {
      mass -= sum;
      continue;
    }
    for (size_t i = begin; i < end; ++i) {
      mass -= static_cast<double>(weights[i]);
      if (mass < 0) return i;
    }
    mass = 0;  // rounding: the next weight that is not 0
  }
  size_t last = weights.size() - 1;
  while (last > 0 && weights[last] == 0) --last;
  return last;
}

float threshold_of_count(std::span<const float> weights, int64_t count) {
  return threshold(weights, static_cast<double>(count), [](float) { return 1.0; });
}

float threshold_of_mass(std::span<const float> weights, double mass) {
  constexpr double kRounding = 1 + 1e-6;  // of f32 weights
  return threshold(weights, mass * kRounding, [](float weight) { return weight; });
}

}  // namespace stapes
