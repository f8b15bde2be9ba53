// For tests: random arrays and weights of any dtype, and every table that this machine can run.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "ops/ops.h"

namespace stapes::testing {

inline std::vector<float> random_values(Rng& rng, int64_t count, double scale = 1.0) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(scale * rng.normal());
  return values;
}

// A weight of any float dtype at an odd address: a model file's tensors start where they start.
class RandomWeight {
 public:
  RandomWeight(Rng& rng, DType dtype, Shape shape, double scale = 1.0) {
    const std::vector<float> values = random_values(rng, element_count(shape), scale);
    bytes_.resize(1 + values.size() * size_bytes(dtype));
    std::byte* out = bytes_.data() + 1;
    for (size_t i = 0; i < values.size(); ++i) {
      if (dtype == DType::kF32) {
        std::memcpy(out + 4 * i, &values[i], 4);
      } else {
        const uint16_t bits = dtype == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
        std::memcpy(out + 2 * i, &bits, 2);
      }
    }
    view_ = {.dtype = dtype, .shape = std::move(shape), .data = out};
  }
  RandomWeight(RandomWeight&&) = default;

  const TensorView& view() const { return view_; }

 private:
  std::vector<std::byte> bytes_;
  TensorView view_;
};

inline double norm(std::span<const float> values) {
  double squares = 0;
  for (const float value : values) squares += double{value} * double{value};
  return std::sqrt(squares);
}

inline constexpr double kF32Epsilon = 0x1p-24;  // the largest relative error of one rounding

inline std::unique_ptr<Ops> reference_ops() {
  return make_ops(OpsLevel::kReference);
}

// Every fast table that this machine can run, with more threads than it may have cores.
inline std::vector<std::unique_ptr<Ops>> fast_ops(int threads = 3) {
  std::vector<std::unique_ptr<Ops>> tables;
  for (const OpsLevel level : supported_ops_levels()) {
    if (level != OpsLevel::kReference) tables.push_back(make_ops(level, threads));
  }
  return tables;
}

// |actual - expected| <= tolerance(i) for every i.
template <typename Tolerance>
::testing::AssertionResult all_near(std::span<const float> actual, std::span<const float> expected,
                                    const Tolerance& tolerance) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " values for " << expected.size();
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::abs(double{actual[i]} - double{expected[i]});
    if (!(difference <= tolerance(i))) {
      return ::testing::AssertionFailure()
             << "[" << i << "]: " << actual[i] << " for " << expected[i] << ", off by "
             << difference << ", tolerance " << tolerance(i);
    }
  }
  return ::testing::AssertionSuccess();
}

// The same bits.
inline ::testing::AssertionResult identical(std::span<const float> actual,
                                            std::span<const float> expected) {
  if (actual.size() == expected.size() &&
      (actual.empty() || std::memcmp(actual.data(), expected.data(), actual.size_bytes()) == 0)) {
    return ::testing::AssertionSuccess();
  }
  return all_near(actual, expected, [](size_t) { return 0.0; });
}

}  // namespace stapes::testing
