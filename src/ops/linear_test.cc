// linear and conv1d: every level of this machine against the reference, all remainders.
#include <gtest/gtest.h>

#include "ops/test_support.h"

namespace stapes {
namespace {

using testing::all_near;
using testing::fast_ops;
using testing::identical;
using testing::kF32Epsilon;
using testing::norm;
using testing::random_values;
using testing::RandomWeight;

constexpr DType kWeightDTypes[] = {DType::kF32, DType::kF16, DType::kBF16};

struct LinearCase {
  int64_t rows;
  int64_t inputs;
  int64_t outputs;
  bool bias = true;
};

// All remainders of a vector of 4, 8 and 16, of a row tile of 2 and 4, of an output tile of 4 and a
// block of 16, and both sides of a block of 1024 inputs.
std::vector<LinearCase> linear_cases() {
  std::vector<LinearCase> cases;
  for (int64_t inputs = 1; inputs <= 35; ++inputs) cases.push_back({1 + inputs % 6, inputs, 5});
  for (int64_t outputs = 1; outputs <= 36; ++outputs) {
    cases.push_back({1, 70, outputs});
    cases.push_back({3, 20, outputs, false});
  }
  for (int64_t rows = 1; rows <= 13; ++rows) cases.push_back({rows, 37, 18});
  for (const int64_t inputs : {1023, 1024, 1025, 1040, 2100}) {
    cases.push_back({1, inputs, 7});
    cases.push_back({6, inputs, 21});
  }
  cases.push_back({40, 300, 200});  // enough work for several threads
  return cases;
}

// An error of a sum of N products in f32, in any order, grows like eps · ‖x‖ ‖w‖ times a slowly
// growing factor as long as the roundings are independent; 8 leaves room for N of some thousands.
// Dropping one typical product changes the sum by ‖x‖ ‖w‖ / N, thousands of times more.
TEST(Linear, EveryLevelIsTheReferenceForAllRemainders) {
  Rng rng(1);
  const auto tables = fast_ops();
  const auto reference = make_ops(OpsLevel::kReference);
  for (const DType dtype : kWeightDTypes) {
    for (const LinearCase& c : linear_cases()) {
      const std::vector<float> x = random_values(rng, c.rows * c.inputs);
      const RandomWeight weight(rng, dtype, {c.outputs, c.inputs});
      const RandomWeight bias(rng, dtype, {c.outputs});
      const TensorView used_bias = c.bias ? bias.view() : TensorView{};
      std::vector<float> expected(static_cast<size_t>(c.rows * c.outputs));
      reference->linear({.x = x, .weight = weight.view(), .bias = used_bias, .y = expected});
      const double bound = 8 * kF32Epsilon *
                           (norm(x) / std::sqrt(static_cast<double>(c.rows)) * 2 *
                                std::sqrt(static_cast<double>(c.inputs)) +
                            4);
      for (const auto& ops : tables) {
        std::vector<float> y(expected.size(), 99.0F);
        ops->linear({.x = x, .weight = weight.view(), .bias = used_bias, .y = y});
        ASSERT_TRUE(all_near(y, expected, [&](size_t) { return bound; }))
            << ops->name() << " " << name(dtype) << " [" << c.rows << ", " << c.inputs << "] x ["
            << c.outputs << ", " << c.inputs << "]";
      }
    }
  }
}

TEST(Linear, RowsHaveTheSameBitsAloneAndTogether) {
  Rng rng(2);
  const int64_t rows = 9;
  const int64_t inputs = 2100;
  const int64_t outputs = 37;
  const std::vector<float> x = random_values(rng, rows * inputs);
  for (const DType dtype : kWeightDTypes) {
    const RandomWeight weight(rng, dtype, {outputs, inputs});
    for (const auto& ops : fast_ops()) {
      std::vector<float> together(static_cast<size_t>(rows * outputs));
      ops->linear({.x = x, .weight = weight.view(), .bias = {}, .y = together});
      std::vector<float> alone(together.size());
      for (int64_t r = 0; r < rows; ++r) {
        ops->linear({.x = std::span(x).subspan(static_cast<size_t>(r * inputs), inputs),
                     .weight = weight.view(),
                     .bias = {},
                     .y = std::span(alone).subspan(static_cast<size_t>(r * outputs), outputs)});
      }
      EXPECT_TRUE(identical(alone, together)) << ops->name() << " " << name(dtype);
    }
  }
}

// Both sides are rounded to 2^-14 of the largest value of each block of 32: |x| times the weight's
// rounding and the other way round. And the f32 sum over the blocks.
TEST(Linear, ProductsOfIntegersAreWithinHalfAStepOfBothSides) {
  Rng rng(6);
  const auto largest = [](std::span<const float> block) {
    double top = 0;
    for (const float value : block) top = std::max(top, std::abs(double{value}));
    return top;
  };
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    for (const LinearCase& c : {LinearCase{1, 32, 16}, LinearCase{7, 320, 48},
                                LinearCase{40, 608, 80}, LinearCase{9, 64, 21}}) {
      const std::vector<float> x = random_values(rng, c.rows * c.inputs, 3.0);
      const RandomWeight weight(rng, dtype, {c.outputs, c.inputs});
      const RandomWeight bias(rng, dtype, {c.outputs});
      const std::vector<float> w = widened_to_f32(weight.view());
      std::vector<float> expected(static_cast<size_t>(c.rows * c.outputs));
      make_ops(OpsLevel::kReference)
          ->linear({.x = x, .weight = weight.view(), .bias = bias.view(), .y = expected});
      std::vector<double> bound;
      for (int64_t r = 0; r < c.rows; ++r) {
        for (int64_t o = 0; o < c.outputs; ++o) {
          double sum = 0;
          for (int64_t n = 0; n < c.inputs; n += 32) {
            const auto xs = std::span(x).subspan(static_cast<size_t>(r * c.inputs + n), 32);
            const auto ws = std::span(w).subspan(static_cast<size_t>(o * c.inputs + n), 32);
            const double x_step = largest(xs) / 8191, w_step = largest(ws) / 8191;
            for (size_t i = 0; i < 32; ++i)
              sum += 0.5 * x_step * std::abs(double{ws[i]}) +
                     0.5 * w_step * std::abs(double{xs[i]}) + 0.25 * x_step * w_step +
                     1e-6 * std::abs(double{xs[i]} * double{ws[i]});
          }
          bound.push_back(sum);
        }
      }
      for (const auto& ops : fast_ops()) {
        std::vector<float> y(expected.size());
        ops->linear({.x = x,
                     .weight = weight.view(),
                     .bias = bias.view(),
                     .y = y,
                     .products = op::Products::kInt16});
        EXPECT_TRUE(all_near(y, expected, [&](size_t i) { return bound[i]; }))
            << ops->name() << " " << name(dtype) << " " << c.rows << " x " << c.inputs;
      }
    }
  }
}

TEST(Linear, ThreadCountDoesNotChangeBits) {
  Rng rng(3);
  const std::vector<float> x = random_values(rng, 30 * 500);
  const RandomWeight weight(rng, DType::kBF16, {700, 500});
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> one(30 * 700);
    make_ops(level, 1)->linear({.x = x, .weight = weight.view(), .bias = {}, .y = one});
    for (const int threads : {2, 3, 7}) {
      std::vector<float> several(one.size());
      make_ops(level, threads)->linear({.x = x, .weight = weight.view(), .bias = {}, .y = several});
      EXPECT_TRUE(identical(several, one)) << name(level) << " with " << threads << " threads";
    }
  }
}

TEST(Linear, NarrowWeightsAreWidenedExactly) {
  // Largest, smallest normal, smallest of all, zeros and ordinary f16 numbers; x = 1 shows each.
  const uint16_t bits[] = {0x7bff, 0x0400, 0x0001, 0x03ff, 0x8000, 0xfbff, 0x3c00, 0xb555};
  const TensorView weight{
      .dtype = DType::kF16, .shape = {8, 1}, .data = reinterpret_cast<const std::byte*>(bits)};
  const float one = 1.0F;
  for (const auto& ops : fast_ops()) {
    std::vector<float> y(8);
    ops->linear({.x = {&one, 1}, .weight = weight, .bias = {}, .y = y});
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(y[i], f16_to_f32(bits[i])) << ops->name() << " " << i;
    std::vector<float> embedded(8);
    const TensorView row{.dtype = DType::kF16, .shape = {1, 8}, .data = weight.data};
    const int64_t first = 0;
    ops->embed({.table = row, .ids = {&first, 1}, .y = embedded});
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(embedded[i], f16_to_f32(bits[i])) << ops->name();
  }
}

TEST(Linear, AHandComputedValue) {
  const std::vector<float> x = {1, 2, 3, -1, 0, 4};
  const std::vector<float> weight = {1, 0, -1, 2, 2, 2};
  const std::vector<float> bias = {10, 20};
  const auto view = [](const std::vector<float>& values, Shape shape) {
    return TensorView{.dtype = DType::kF32,
                      .shape = std::move(shape),
                      .data = reinterpret_cast<const std::byte*>(values.data())};
  };
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(4);
    make_ops(level, 1)->linear(
        {.x = x, .weight = view(weight, {2, 3}), .bias = view(bias, {2}), .y = y});
    EXPECT_EQ(y, (std::vector<float>{8, 32, 5, 26})) << name(level);
  }
}

TEST(Conv1d, EveryLevelIsTheReference) {
  Rng rng(4);
  const auto tables = fast_ops();
  const auto reference = make_ops(OpsLevel::kReference);
  for (const DType dtype : kWeightDTypes) {
    for (int64_t frames = 1; frames <= 9; ++frames) {
      for (const int64_t stride : {1, 2}) {
        const int64_t channels = 3 + frames * 4;
        const int64_t outputs = 6 + frames;
        const std::vector<float> x = random_values(rng, frames * channels);
        const RandomWeight weight(rng, dtype, {outputs, channels, 3});
        const RandomWeight bias(rng, dtype, {outputs});
        std::vector<float> expected(static_cast<size_t>(((frames - 1) / stride + 1) * outputs));
        std::vector<float> y(expected.size());
        const auto args = [&](std::vector<float>& out) {
          return op::Conv1d{.x = x,
                            .weight = weight.view(),
                            .bias = bias.view(),
                            .stride = stride,
                            .padding = 1,
                            .y = out};
        };
        reference->conv1d(args(expected));
        // As for linear, with the norms of three frames and of an output's weights.
        const double bound = 8 * kF32Epsilon * (6.0 * static_cast<double>(channels) + 4);
        for (const auto& ops : tables) {
          ops->conv1d(args(y));
          ASSERT_TRUE(all_near(y, expected, [&](size_t) { return bound; }))
              << ops->name() << " " << name(dtype) << " " << frames << " frames, stride " << stride;
        }
      }
    }
  }
}

TEST(Conv1d, AHandComputedValue) {
  // Two frames of one channel, kernel (1, 10, 100): zeros beyond both ends.
  const std::vector<float> x = {2, 3};
  const std::vector<float> weight = {1, 10, 100};
  const float bias = 0.5F;
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(2);
    make_ops(level, 1)->conv1d(
        {.x = x,
         .weight = {.dtype = DType::kF32,
                    .shape = {1, 1, 3},
                    .data = reinterpret_cast<const std::byte*>(weight.data())},
         .bias = {.dtype = DType::kF32,
                  .shape = {1},
                  .data = reinterpret_cast<const std::byte*>(&bias)},
         .y = y});
    EXPECT_EQ(y, (std::vector<float>{320.5F, 32.5F})) << name(level);
  }
}

}  // namespace
}  // namespace stapes
