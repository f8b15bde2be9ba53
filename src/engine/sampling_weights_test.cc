#include "engine/sampling_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace stapes {
namespace {

std::vector<float> random_values(int64_t count, double spread) {
  Rng rng(static_cast<uint64_t>(count));
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(spread * rng.normal());
  return values;
}

TEST(SamplingWeights, TheLargestIsFoundAtEveryPlace) {
  for (const size_t count : {1, 15, 16, 17, 40}) {
    for (size_t place = 0; place < count; ++place) {
      std::vector<float> values(count, -3.0F);
      values[place] = 2.0F;
      EXPECT_EQ(largest(values), 2.0F);
      values[place] = NAN;
      EXPECT_TRUE(std::isnan(largest(values))) << place << " of " << count;
    }
  }
  EXPECT_EQ(largest({}), -INFINITY);
}

TEST(SamplingWeights, ExponentsEqualTheLibrarys) {
  for (const int64_t count : {1, 16, 37, 5000}) {
    for (const double temperature : {0.3, 1.0, 2.0}) {
      const std::vector<float> logits = random_values(count, 10);
      const float highest = largest(logits);
      std::vector<float> weights(logits.size());
      const double sum = exponentiate(logits, highest, temperature, weights);
      for (size_t i = 0; i < weights.size(); ++i) {
        const double x = static_cast<double>(logits[i] - highest) / temperature;
        // The argument's own rounding, |x| · 2^-23, is what remains of the error.
        const double tolerance = (3e-7 + std::abs(x) * 1.2e-7) * std::exp(x);
        EXPECT_NEAR(weights[i], x < -87 ? 0 : std::exp(x), tolerance + 1e-37) << x;
      }
      EXPECT_NEAR(sum, std::accumulate(weights.begin(), weights.end(), 0.0), 1e-12 * sum);
    }
  }
  std::vector<float> lowest = {0.0F, -INFINITY, -1e30F};
  EXPECT_EQ(exponentiate(lowest, 0, 1, lowest), 1.0);
  for (const double temperature : {1e-20, 1e-40, 1e-320}) {
    std::vector<float> coldest = {2.0F, 1.5F, 2.0F};
    EXPECT_EQ(exponentiate(coldest, 2, temperature, coldest), 2.0) << temperature;
  }
}

TEST(SamplingWeights, ThresholdsLeaveNobodyOutAndFewTooManyIn) {
  for (const double spread : {0.0, 1.0, 8.0}) {
    std::vector<float> weights = random_values(3000, spread);
    exponentiate(weights, largest(weights), 1, weights);
    std::vector<float> sorted = weights;
    std::ranges::sort(sorted, std::greater{});
    double mass = 0;
    for (size_t rank = 0; rank < sorted.size(); ++rank) {
      mass += sorted[rank];
      const float by_count = threshold_of_count(weights, static_cast<int64_t>(rank + 1));
      EXPECT_LE(by_count, sorted[rank]);
      EXPECT_TRUE(by_count == 0 || by_count >= sorted[rank] * 0.75F) << rank;
      const float by_mass = threshold_of_mass(weights, mass);
      EXPECT_LE(by_mass, sorted[rank]);
    }
    EXPECT_EQ(threshold_of_count(weights, 3001), 0.0F);
    EXPECT_EQ(threshold_of_mass(weights, 2 * mass), 0.0F);
  }
}

TEST(SamplingWeights, AMassLiesWhereTheRunningSumExceedsIt) {
  for (const int64_t count : {1, 7, 1024, 1025, 5000}) {
    std::vector<float> weights = random_values(count, 1);
    for (float& weight : weights) weight = weight > 0.5F ? weight : 0.0F;  // most are 0
    weights[static_cast<size_t>(count / 2)] = 1;
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (const double share : {0.0, 0.1, 0.5, 0.77, 0.999}) {
      double left = share * total;
      size_t expected = 0;
      while (left >= weights[expected]) left -= weights[expected++];
      EXPECT_EQ(index_of_mass(weights, share * total), expected) << share << " of " << count;
    }
    size_t last = weights.size() - 1;
    while (weights[last] == 0) --last;
    EXPECT_EQ(index_of_mass(weights, total * (1 + 1e-9)), last);
  }
  EXPECT_EQ(index_of_mass(std::vector<float>{0, 0}, 0), 0U);
}

}  // namespace
}  // namespace stapes
