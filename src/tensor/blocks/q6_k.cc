// 256 weights in 16 groups of 16: w = d * scale[group] * level, level in [-32, 31].
#include "tensor/blocks/blocks.h"
#include "tensor/blocks/scale_search.h"

namespace stapes::blocks {
namespace {

constexpr Levels kLevels{.low = -32, .high = 31};
constexpr size_t kGroups = 16;
constexpr size_t kGroupWeights = 16;
// Where the parts of a block lie: the low 4 bits, the high 2 bits, the group scales, d.
constexpr size_t kHighAt = 128;
constexpr size_t kScalesAt = 192;
constexpr size_t kDAt = 208;

// Scales of a block as it is stored.
struct Scales {
  float d = 0;  // an f16
  std::array<int, kGroups> group{};
  float error = 0;
};

float stored_error(const float* x, const Scales& scales, size_t group, int scale) {
  return squared_error<kGroupWeights>(x + group * kGroupWeights,
                                      scales.d * static_cast<float>(scale), kLevels);
}

// Rounds the groups' scales to multiples of d, which is set by the largest. With `neighbours` the
// multiples beside the nearest one are tried too.
Scales stored(const float* x, const std::array<float, kGroups>& wanted, float d, bool neighbours) {
  Scales scales{.d = nearest_f16(d), .group = {}, .error = 0};
  const float inverse = inverse_of(scales.d);
  for (size_t group = 0; group < kGroups; ++group) {
    const auto nearest =
        static_cast<int>(std::lround(std::clamp(wanted[group] * inverse, -128.0F, 127.0F)));
    int best = nearest;
    float best_error = stored_error(x, scales, group, nearest);
    if (neighbours) {
      for (const int scale : {std::max(nearest - 1, -128), std::min(nearest + 1, 127)}) {
        const float error = stored_error(x, scales, group, scale);
        if (error < best_error) {
          best_error = error;
          best = scale;
        }
      }
    }
    scales.group[group] = best;
    scales.error += best_error;
  }
  return scales;
}

// The d that fits best to the levels that `scales` gives.
float refitted_d(const float* x, const Scales& scales) {
  float xq = 0;
  float qq = 0;
  for (size_t group = 0; group < kGroups; ++group) {
    const auto scale = static_cast<float>(scales.group[group]);
    const Fit group_fit =
        fit<kGroupWeights>(x + group * kGroupWeights, inverse_of(scales.d * scale), kLevels);
    xq += scale * group_fit.xq;
    qq += scale * scale * group_fit.qq;
  }
  return qq > 0 ? xq / qq : scales.d;
}

// The largest group scale becomes -128, the end of the range that reaches further.
float d_of(const std::array<float, kGroups>& wanted) {
  return extreme_of<kGroups>(wanted.data()) / -128.0F;
}

Scales best_scales(const float* x) {
  std::array<float, kGroups> plain{};
  std::array<float, kGroups> searched{};
  for (size_t group = 0; group < kGroups; ++group) {
    const float* values = x + group * kGroupWeights;
    const float extreme = extreme_of<kGroupWeights>(values);
    if (std::abs(extreme) < kSmallestF16 / 2) continue;
    plain[group] = extreme / kLevels.low;
    Fit best;
    search_scale<kGroupWeights>(values, extreme, kLevels.low, kLevels, 0.75F, 1.5F, 0.25F, best);
    search_scale<kGroupWeights>(values, extreme, kLevels.high, kLevels, 1.0F, 0.75F, 0.25F, best);
    searched[group] = best.scale();
  }
  Scales best = stored(x, searched, d_of(searched), true);
  const Scales again = stored(x, searched, refitted_d(x, best), true);
  if (again.error < best.error) best = again;
  // Where all is very small, coarse f16 scales can make the searched ones the worse choice.
  const Scales simple = stored(x, plain, d_of(plain), false);
  return simple.error < best.error ? simple : best;
}

}  // namespace

void quantize_q6_k(std::span<const float, 256> x, std::span<std::byte, kQ6_KBytes> block) {
  const auto values = within(x, kLargestF16 * 127 * kLevels.high);
  const Scales scales = best_scales(values.data());
  std::array<int, 256> levels;  // 0 to 63
  for (size_t group = 0; group < kGroups; ++group) {
    const auto own =
        levels_of<kGroupWeights>(values.data() + group * kGroupWeights,
                                 scales.d * static_cast<float>(scales.group[group]), kLevels);
    for (size_t i = 0; i < kGroupWeights; ++i) levels[group * kGroupWeights + i] = own[i] + 32;
    block[kScalesAt + group] = static_cast<std::byte>(scales.group[group]);
  }
  write_f16(scales.d, block.data() + kDAt);
  for (size_t half = 0; half < 2; ++half) {
    for (size_t i = 0; i < 32; ++i) {
      const int* four = levels.data() + half * 128 + i;  // 32 weights apart
      block[half * 64 + i] = static_cast<std::byte>((four[0] & 15) | (four[64] & 15) << 4);
      block[half * 64 + 32 + i] = static_cast<std::byte>((four[32] & 15) | (four[96] & 15) << 4);
      block[kHighAt + half * 32 + i] = static_cast<std::byte>(
          four[0] >> 4 | four[32] >> 4 << 2 | four[64] >> 4 << 4 | four[96] >> 4 << 6);
    }
  }
}

void dequantize_q6_k(std::span<const std::byte, kQ6_KBytes> block, std::span<float, 256> x) {
  const float d = read_f16(block.data() + kDAt);
  for (size_t i = 0; i < 256; ++i) {
    const size_t half = i / 128;
    const size_t quarter = i % 128 / 32;
    const size_t at = i % 32;
    const auto low = static_cast<int>(block[half * 64 + quarter % 2 * 32 + at]);
    const auto high = static_cast<int>(block[kHighAt + half * 32 + at]);
    const int level = (quarter < 2 ? low & 15 : low >> 4) | (high >> (2 * quarter) & 3) << 4;
    const auto scale = static_cast<int8_t>(block[kScalesAt + i / kGroupWeights]);
    x[i] = d * static_cast<float>(scale) * static_cast<float>(level - 32);
  }
}

}  // namespace stapes::blocks
