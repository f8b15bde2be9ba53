// 256 weights in 8 groups of 32: w = d * scale[group] * level - dmin * minimum[group], level in
// [0, 15]; scales and minima are 6-bit numbers.
#include "tensor/blocks/blocks.h"
#include "tensor/blocks/scale_search.h"

namespace stapes::blocks {
namespace {

constexpr float kLastLevel = 15;
constexpr int kLastScale = 63;
constexpr size_t kGroups = 8;
constexpr size_t kGroupWeights = 32;
// Where the parts of a block lie: d, dmin, the 6-bit numbers, the levels.
constexpr size_t kDMinAt = 2;
constexpr size_t kScalesAt = 4;
constexpr size_t kLevelsAt = 16;

// w = scale * level - minimum; neither is negative.
struct Line {
  float scale = 0;
  float minimum = 0;
};

// The levels of four weights, for the inverse of a line's scale.
Lanes line_level(Lanes x, float inverse, float minimum) {
  return nearest_level((x + all(minimum)) * all(inverse), 0, kLastLevel);
}

float squared_error(const float* x, Line line) {
  const float inverse = inverse_of(line.scale);
  Lanes error = all(0);
  for (size_t i = 0; i < kGroupWeights; i += 4) {
    const Lanes values = load(x + i);
    const Lanes off =
        values + all(line.minimum) - all(line.scale) * line_level(values, inverse, line.minimum);
    error += off * off;
  }
  return sum(error);
}

// Sums over the levels q that a line gives.
struct LevelSums {
  float q = 0;
  float qq = 0;
  float xq = 0;
};

LevelSums level_sums(const float* x, float inverse, float minimum) {
  Lanes q = all(0);
  Lanes qq = all(0);
  Lanes xq = all(0);
  for (size_t i = 0; i < kGroupWeights; i += 4) {
    const Lanes values = load(x + i);
    const Lanes level = line_level(values, inverse, minimum);
    q += level;
    qq += level * level;
    xq += values * level;
  }
  return {.q = sum(q), .qq = sum(qq), .xq = sum(xq)};
}

// The least squares line for given levels, with a minimum that is not negative; `explained` is by
// how much it lowers the error from the sum of x * x.
struct Fitted {
  Line line;
  float explained = 0;
};

Fitted fitted(const LevelSums& sums, float x_sum) {
  constexpr float kCount = kGroupWeights;
  if (sums.qq <= 0) return {};
  const float determinant = kCount * sums.qq - sums.q * sums.q;
  if (determinant > 0) {
    const float scale = (kCount * sums.xq - x_sum * sums.q) / determinant;
    const float minimum = (sums.q * sums.xq - sums.qq * x_sum) / determinant;
    if (minimum > 0 && scale > 0)
      return {.line = {.scale = scale, .minimum = minimum},
              .explained = scale * sums.xq - minimum * x_sum};
  }
  const float scale = std::max(sums.xq / sums.qq, 0.0F);
  return {.line = {.scale = scale, .minimum = 0}, .explained = scale * sums.xq};
}

struct Range {
  float low = 0;  // at most 0: the minimum is not negative
  float high = 0;
  float sum = 0;
};

Range range_of(const float* x) {
  Range range{.low = 0, .high = x[0], .sum = 0};
  for (size_t i = 0; i < kGroupWeights; ++i) {
    range.low = std::min(range.low, x[i]);
    range.high = std::max(range.high, x[i]);
    range.sum += x[i];
  }
  return range;
}

// The smallest value becomes level 0, the largest level 15.
Line plain_line(const Range& range) {
  return {.scale = (range.high - range.low) / kLastLevel, .minimum = -range.low};
}

Line searched_line(const float* x, const Range& range) {
  const float width = range.high - range.low;
  if (width < kSmallestF16) return plain_line(range);
  Fitted best;
  const auto consider = [&](float inverse, float minimum) {
    const Fitted candidate = fitted(level_sums(x, inverse, minimum), range.sum);
    if (candidate.explained > best.explained) best = candidate;
  };
  for (float beyond = -1.5F; beyond <= 2.0F; beyond += 0.25F)
    consider((kLastLevel + beyond) / width, -range.low);
  // The line that was fitted gives other levels than the one it was fitted to.
  for (int i = 0; i < 3; ++i) consider(inverse_of(best.line.scale), best.line.minimum);
  return best.explained > 0 ? best.line : plain_line(range);
}

// A block's scales as they are stored.
struct Scales {
  float d = 0;     // an f16
  float dmin = 0;  // an f16
  std::array<int, kGroups> scale{};
  std::array<int, kGroups> minimum{};
  float error = 0;

  Line line(size_t group) const { return line(scale[group], minimum[group]); }
  Line line(int group_scale, int group_minimum) const {
    return {.scale = d * static_cast<float>(group_scale),
            .minimum = dmin * static_cast<float>(group_minimum)};
  }
};

int nearest_step(float value, float step) {
  return step > 0 ? static_cast<int>(std::lround(std::min(value / step, float{kLastScale}))) : 0;
}

// Rounds the groups' lines to multiples of d and dmin. With `neighbours` the eight pairs of
// multiples around the nearest pair are tried too.
Scales stored(const float* x, const std::array<Line, kGroups>& wanted, Line units,
              bool neighbours) {
  Scales scales;
  scales.d = nearest_f16(units.scale);
  scales.dmin = nearest_f16(units.minimum);
  const int reach = neighbours ? 1 : 0;
  for (size_t group = 0; group < kGroups; ++group) {
    const int scale = nearest_step(wanted[group].scale, scales.d);
    const int minimum = nearest_step(wanted[group].minimum, scales.dmin);
    float best_error = std::numeric_limits<float>::infinity();
    for (int s = std::max(scale - reach, 0); s <= std::min(scale + reach, kLastScale); ++s) {
      for (int m = std::max(minimum - reach, 0); m <= std::min(minimum + reach, kLastScale); ++m) {
        const float error = squared_error(x + group * kGroupWeights, scales.line(s, m));
        if (error < best_error) {
          best_error = error;
          scales.scale[group] = s;
          scales.minimum[group] = m;
        }
      }
    }
    scales.error += best_error;
  }
  return scales;
}

Line units_of(const std::array<Line, kGroups>& lines) {
  Line largest;
  for (const Line& line : lines) {
    largest.scale = std::max(largest.scale, line.scale);
    largest.minimum = std::max(largest.minimum, line.minimum);
  }
  return {.scale = largest.scale / kLastScale, .minimum = largest.minimum / kLastScale};
}

// The d and dmin that fit best to the levels that `scales` gives.
Line refitted_units(const float* x, const Scales& scales) {
  double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;  // of a = scale * level and b = -minimum
  for (size_t group = 0; group < kGroups; ++group) {
    const float* values = x + group * kGroupWeights;
    const Line line = scales.line(group);
    const LevelSums sums = level_sums(values, inverse_of(line.scale), line.minimum);
    const double scale = scales.scale[group];
    const double minimum = -scales.minimum[group];
    aa += scale * scale * sums.qq;
    ab += scale * minimum * sums.q;
    bb += minimum * minimum * kGroupWeights;
    xa += scale * sums.xq;
    xb += minimum * range_of(values).sum;
  }
  const double determinant = aa * bb - ab * ab;
  if (!(determinant > 0)) return {.scale = scales.d, .minimum = scales.dmin};
  return {.scale = static_cast<float>(std::max((xa * bb - xb * ab) / determinant, 0.0)),
          .minimum = static_cast<float>(std::max((xb * aa - xa * ab) / determinant, 0.0))};
}

Scales best_scales(const float* x) {
  std::array<Line, kGroups> plain;
  std::array<Line, kGroups> searched;
  for (size_t group = 0; group < kGroups; ++group) {
    const float* values = x + group * kGroupWeights;
    const Range range = range_of(values);
    plain[group] = plain_line(range);
    searched[group] = searched_line(values, range);
  }
  Scales best = stored(x, searched, units_of(searched), true);
  const Scales again = stored(x, searched, refitted_units(x, best), true);
  if (again.error < best.error) best = again;
  // Where all is very small, coarse f16 units can make the searched lines the worse choice.
  const Scales simple = stored(x, plain, units_of(plain), false);
  return simple.error < best.error ? simple : best;
}

// Twelve bytes hold 8 scales and 8 minima of 6 bits: the first four of each in the low bits of
// bytes 0-3 and 4-7, whose top two bits are those of the last four, which have their low four bits
// in bytes 8-11.
void pack(const Scales& scales, std::byte* out) {
  for (size_t i = 0; i < 4; ++i) {
    out[i] = static_cast<std::byte>(scales.scale[i] | scales.scale[i + 4] >> 4 << 6);
    out[i + 4] = static_cast<std::byte>(scales.minimum[i] | scales.minimum[i + 4] >> 4 << 6);
    out[i + 8] =
        static_cast<std::byte>((scales.scale[i + 4] & 15) | (scales.minimum[i + 4] & 15) << 4);
  }
}

void unpack(const std::byte* in, Scales& scales) {
  for (size_t i = 0; i < 4; ++i) {
    const auto first = static_cast<int>(in[i]);
    const auto second = static_cast<int>(in[i + 4]);
    const auto third = static_cast<int>(in[i + 8]);
    scales.scale[i] = first & 63;
    scales.minimum[i] = second & 63;
    scales.scale[i + 4] = (third & 15) | first >> 6 << 4;
    scales.minimum[i + 4] = third >> 4 | second >> 6 << 4;
  }
}

}  // namespace

void quantize_q4_k(std::span<const float, 256> x, std::span<std::byte, kQ4_KBytes> block) {
  const auto values = within(x, kLargestF16 * kLastScale);
  const Scales scales = best_scales(values.data());
  write_f16(scales.d, block.data());
  write_f16(scales.dmin, block.data() + kDMinAt);
  pack(scales, block.data() + kScalesAt);
  for (size_t group = 0; group < kGroups; ++group) {
    const Line line = scales.line(group);
    std::array<float, kGroupWeights> levels;
    for (size_t i = 0; i < kGroupWeights; i += 4) {
      const Lanes level = line_level(load(values.data() + group * kGroupWeights + i),
                                     inverse_of(line.scale), line.minimum);
      std::memcpy(levels.data() + i, &level, sizeof level);
    }
    // Two groups share 32 bytes: the even one in the low nibbles.
    std::byte* out = block.data() + kLevelsAt + group / 2 * kGroupWeights;
    for (size_t i = 0; i < kGroupWeights; ++i) {
      const auto level = static_cast<std::byte>(static_cast<int>(levels[i]));
      out[i] = group % 2 == 0 ? level : out[i] | level << 4;
    }
  }
}

void dequantize_q4_k(std::span<const std::byte, kQ4_KBytes> block, std::span<float, 256> x) {
  Scales scales;
  scales.d = read_f16(block.data());
  scales.dmin = read_f16(block.data() + kDMinAt);
  unpack(block.data() + kScalesAt, scales);
  for (size_t group = 0; group < kGroups; ++group) {
    const Line line = scales.line(group);
    const std::byte* in = block.data() + kLevelsAt + group / 2 * kGroupWeights;
    for (size_t i = 0; i < kGroupWeights; ++i) {
      const auto pair = static_cast<int>(in[i]);
      const int level = group % 2 == 0 ? pair & 15 : pair >> 4;
      x[group * kGroupWeights + i] = line.scale * static_cast<float>(level) - line.minimum;
    }
  }
}

}  // namespace stapes::blocks
