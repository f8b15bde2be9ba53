#include "tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.h"

namespace stapes {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A 16-bit float with `mantissa_bits`, by the definition of IEEE 754: the slow obvious twin.
double value_of(uint16_t bits, int mantissa_bits) {
  const int exponent_bits = 15 - mantissa_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1)
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

// Nearest by search, ties to the even pattern; infinity takes the place of the next power of two.
uint16_t nearest(float value, int mantissa_bits) {
  const auto infinity = static_cast<uint16_t>(0x7fff & ~((1 << mantissa_bits) - 1));
  const auto magnitude_of = [&](uint16_t bits) {
    const auto below = static_cast<uint16_t>(bits - 1);
    return bits == infinity ? 2 * value_of(below, mantissa_bits) -
                                  value_of(static_cast<uint16_t>(bits - 2), mantissa_bits)
                            : value_of(bits, mantissa_bits);
  };
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(static_cast<double>(value));
  uint16_t low = 0;  // the largest pattern that is not above the value
  for (int step = 1 << 14; step > 0; step /= 2) {
    const auto candidate = static_cast<uint16_t>(low + step);
    if (candidate <= infinity && magnitude_of(candidate) <= magnitude) low = candidate;
  }
  if (low == infinity) return sign | infinity;
  const auto high = static_cast<uint16_t>(low + 1);
  const double to_low = magnitude - magnitude_of(low);
  const double to_high = magnitude_of(high) - magnitude;
  const bool up = to_high < to_low || (to_high == to_low && (high & 1) == 0);
  return static_cast<uint16_t>(sign | (up ? high : low));
}

struct Half {
  const char* name;
  int mantissa_bits;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
};

class HalfFloats : public ::testing::TestWithParam<Half> {};

TEST_P(HalfFloats, EveryPatternHasItsValueAndComesBack) {
  const Half half = GetParam();
  for (uint32_t pattern = 0; pattern <= 0xffff; ++pattern) {
    const auto bits = static_cast<uint16_t>(pattern);
    const float wide = half.widen(bits);
    const double expected = value_of(bits, half.mantissa_bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(wide)) << pattern;
    } else {
      ASSERT_EQ(wide, expected) << pattern;
    }
    ASSERT_EQ(std::signbit(wide), (bits & 0x8000) != 0) << pattern;
    ASSERT_EQ(half.narrow(wide), bits) << pattern;
  }
}

TEST_P(HalfFloats, RoundsToNearestEven) {
  const Half half = GetParam();
  const auto check = [&](float value) {
    ASSERT_EQ(half.narrow(value), nearest(value, half.mantissa_bits)) << std::hexfloat << value;
  };
  // Every midpoint between neighbours, and the floats beside it.
  for (uint16_t bits = 0; std::isfinite(half.widen(bits)); ++bits) {
    const double low = value_of(bits, half.mantissa_bits);
    const double high = value_of(static_cast<uint16_t>(bits + 1), half.mantissa_bits);
    const auto middle = static_cast<float>(std::isinf(high) ? low : low / 2 + high / 2);
    for (const float value :
         {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, kInfinity)}) {
      check(value);
      check(-value);
    }
  }
  Rng rng(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(rng.next()));
    if (std::isfinite(value)) check(value);
  }
  check(std::numeric_limits<float>::max());
  check(std::numeric_limits<float>::denorm_min());
}

TEST_P(HalfFloats, KeepsInfinityAndNan) {
  const Half half = GetParam();
  EXPECT_EQ(half.widen(half.narrow(kInfinity)), kInfinity);
  EXPECT_EQ(half.widen(half.narrow(-kInfinity)), -kInfinity);
  // NaNs whose payload would be cut to zero, or would carry into infinity.
  for (const uint32_t bits : {0x7f800001U, 0x7fffffffU, 0xff800001U, 0xffffffffU, 0x7fc00000U})
    EXPECT_TRUE(std::isnan(half.widen(half.narrow(std::bit_cast<float>(bits))))) << bits;
}

INSTANTIATE_TEST_SUITE_P(Formats, HalfFloats,
                         ::testing::Values(Half{"f16", 10, f16_to_f32, f32_to_f16},
                                           Half{"bf16", 7, bf16_to_f32, f32_to_bf16}),
                         [](const auto& instance) { return instance.param.name; });

TEST(HalfFloats, F16OverflowsWhereIeeeSays) {
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7bff);
  EXPECT_EQ(f32_to_f16(std::nextafter(65520.0F, 0.0F)), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7c00);
}

TEST(DTypes, HaveSizesAndNames) {
  EXPECT_EQ(size_bytes(DType::kF32), 4U);
  EXPECT_EQ(size_bytes(DType::kF16), 2U);
  EXPECT_EQ(size_bytes(DType::kBF16), 2U);
  EXPECT_EQ(size_bytes(DType::kI64), 8U);
  EXPECT_EQ(size_bytes(DType::kI32), 4U);
  EXPECT_EQ(size_bytes(DType::kI16), 2U);
  EXPECT_EQ(size_bytes(DType::kI8), 1U);
  EXPECT_EQ(size_bytes(DType::kU8), 1U);
  EXPECT_STREQ(name(DType::kBF16), "BF16");
}

TEST(Shapes, CountAndPrint) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 128}), 384);
  EXPECT_EQ(element_count({3, 0, 128}), 0);
  EXPECT_EQ(to_string({3, 128}), "[3, 128]");
  EXPECT_EQ(to_string({}), "[]");
}

TEST(ShapesDeathTest, AbortOnWhatCannotBeCounted) {
  EXPECT_DEATH(element_count({-1}), "\\[-1\\]");
  EXPECT_DEATH(element_count({int64_t{1} << 40, int64_t{1} << 40}), "no element count");
}

TEST(TensorView, WidensEveryFloatTypeInOrder) {
  const std::vector<float> expected = {0.5F, -2.0F, 65504.0F};
  const std::vector<uint16_t> f16 = {0x3800, 0xc000, 0x7bff};
  const TensorView f32_view{DType::kF32, {3}, reinterpret_cast<const std::byte*>(expected.data())};
  const TensorView f16_view{DType::kF16, {3}, reinterpret_cast<const std::byte*>(f16.data())};
  EXPECT_EQ(widened_to_f32(f32_view), expected);
  EXPECT_EQ(widened_to_f32(f16_view), expected);
  const std::vector<uint16_t> bf16 = {0x3f00, 0xc000};
  const TensorView bf16_view{DType::kBF16, {2, 1}, reinterpret_cast<const std::byte*>(bf16.data())};
  EXPECT_THAT(widened_to_f32(bf16_view), ::testing::ElementsAre(0.5F, -2.0F));
  EXPECT_EQ(bf16_view.size_bytes(), 4U);
  EXPECT_THAT(widened_to_f32({DType::kF32, {0}, nullptr}), ::testing::IsEmpty());
}

TEST(TensorViewDeathTest, RefusesTheWrongTypeAndUnalignedData) {
  const std::vector<std::byte> bytes(16);
  const TensorView integers{DType::kI32, {2}, bytes.data()};
  EXPECT_DEATH(widened_to_f32(integers), "I32");
  EXPECT_DEATH(integers.f32(), "I32");
  const TensorView unaligned{DType::kF32, {2}, bytes.data() + 1};
  EXPECT_DEATH(unaligned.f32(), "aligned");
}

TEST(Tensor, IsZeroAlignedAndSplitIntoRows) {
  Tensor tensor({3, 5});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0U);
  EXPECT_THAT(tensor.values(), ::testing::Each(0.0F));
  EXPECT_EQ(tensor.element_count(), 15);
  EXPECT_EQ(tensor.dim(1), 5);
  tensor.row(2)[4] = 7.0F;
  EXPECT_EQ(tensor.values()[14], 7.0F);
  EXPECT_EQ(std::as_const(tensor).row(2).size(), 5U);
  EXPECT_EQ(tensor.view().f32()[14], 7.0F);
  EXPECT_EQ(tensor.view().shape, (Shape{3, 5}));
}

TEST(Tensor, MayBeEmptyOrAScalar) {
  EXPECT_EQ(Tensor().element_count(), 0);
  EXPECT_EQ(Tensor({0, 4}).element_count(), 0);
  EXPECT_EQ(Tensor(Shape{}).element_count(), 1);
}

TEST(TensorDeathTest, HasNoRowOutside) {
  Tensor tensor({3, 5});
  EXPECT_DEATH(tensor.row(3), "row 3");
  EXPECT_DEATH(tensor.row(-1), "row -1");
}

}  // namespace
}  // namespace stapes
