// What the quantizers share: finding the scale that stores a few weights with the least squared
// error. For quantizers only; four weights at a time, which every CPU that Stapes runs on can do.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tensor/tensor.h"

namespace stapes::blocks {

inline constexpr float kLargestF16 = 65504.0F;
inline constexpr float kSmallestF16 = 0x1p-24F;

inline void write_f16(float value, std::byte* out) {
  const uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof bits);
}

inline float read_f16(const std::byte* in) {
  uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  return f16_to_f32(bits);
}

// The nearest scale that an f16 can hold.
inline float nearest_f16(float value) {
  return f16_to_f32(f32_to_f16(std::clamp(value, -kLargestF16, kLargestF16)));
}

using Lanes __attribute__((vector_size(16))) = float;

inline Lanes load(const float* values) {
  Lanes lanes;
  std::memcpy(&lanes, values, sizeof lanes);
  return lanes;
}
inline Lanes all(float value) {
  return Lanes{value, value, value, value};
}
inline float sum(Lanes lanes) {
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}
inline Lanes clamped(Lanes values, float low, float high) {
  values = values > all(low) ? values : all(low);
  return values < all(high) ? values : all(high);
}
// The nearest whole number in [low, high]. A float of 1.5 * 2^23 has no bits behind the point, so
// that adding it rounds (to even).
inline Lanes nearest_level(Lanes values, float low, float high) {
  constexpr float kRounder = 0x1.8p23F;
  return (clamped(values, low, high) + all(kRounder)) - all(kRounder);
}

// x clamped to [-limit, limit]: sums of squares then stay finite.
template <size_t n>
std::array<float, n> within(std::span<const float, n> x, float limit) {
  std::array<float, n> values;
  for (size_t i = 0; i < n; ++i) values[i] = std::clamp(x[i], -limit, limit);
  return values;
}

// The levels of a symmetric format: w = scale * level, level in [low, high].
struct Levels {
  float low;
  float high;
};

// The value of the largest magnitude, with its sign.
template <size_t n>
float extreme_of(const float* x) {
  float extreme = 0;
  for (size_t i = 0; i < n; ++i)
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  return extreme;
}

// Sums of x * level and of level * level, for the levels nearest to x * inverse.
struct Fit {
  float xq = 0;
  float qq = 0;
  float scale() const { return qq > 0 ? xq / qq : 0; }           // the least squares scale
  float explained() const { return qq > 0 ? xq * xq / qq : 0; }  // by how much it lowers the error
};

template <size_t n>
Fit fit(const float* x, float inverse, Levels levels) {
  Lanes xq = all(0);
  Lanes qq = all(0);
  for (size_t i = 0; i < n; i += 4) {
    const Lanes values = load(x + i);
    const Lanes level = nearest_level(values * all(inverse), levels.low, levels.high);
    xq += values * level;
    qq += level * level;
  }
  return {.xq = sum(xq), .qq = sum(qq)};
}

inline float inverse_of(float scale) {
  return scale != 0 ? 1.0F / scale : 0.0F;
}

// Sum of (x - scale * nearest level)^2.
template <size_t n>
float squared_error(const float* x, float scale, Levels levels) {
  const Lanes inverse = all(inverse_of(scale));
  Lanes error = all(0);
  for (size_t i = 0; i < n; i += 4) {
    const Lanes values = load(x + i);
    const Lanes off =
        values - all(scale) * nearest_level(values * inverse, levels.low, levels.high);
    error += off * off;
  }
  return sum(error);
}

// The level of each value under a scale.
template <size_t n>
std::array<int, n> levels_of(const float* x, float scale, Levels levels) {
  std::array<int, n> result;
  std::array<float, 4> four;
  for (size_t i = 0; i < n; i += 4) {
    const Lanes level =
        nearest_level(load(x + i) * all(inverse_of(scale)), levels.low, levels.high);
    std::memcpy(four.data(), &level, sizeof level);
    for (size_t lane = 0; lane < 4; ++lane) result[i + lane] = static_cast<int>(four[lane]);
  }
  return result;
}

// Tries the scales that put the extreme value `below` to `above` levels beyond the last one, in
// steps of `step`; each is replaced by the least squares scale of the levels that it gives, and
// the best one's levels are fitted once more. The scale is not rounded to f16 yet.
template <size_t n>
float search_scale(const float* x, float extreme, float last_level, Levels levels, float below,
                   float above, float step, Fit& best) {
  for (float beyond = -below; beyond <= above; beyond += step) {
    const Fit candidate = fit<n>(x, (last_level + beyond) / extreme, levels);
    if (candidate.explained() > best.explained()) best = candidate;
  }
  const Fit again = fit<n>(x, inverse_of(best.scale()), levels);
  if (again.explained() > best.explained()) best = again;
  return best.scale();
}

}  // namespace stapes::blocks
