#include "tensor/blocks/blocks.h"
#include "tensor/blocks/scale_search.h"

namespace stapes::blocks {
namespace {

constexpr Levels kLevels{.low = -8, .high = 7};

float best_scale(const float* x) {
  const float extreme = extreme_of<32>(x);
  if (std::abs(extreme) < kSmallestF16 / 2) return 0;
  // The range is not symmetric: the extreme value becomes about -8 (as in ggml) or about +7.
  Fit best;
  search_scale<32>(x, extreme, kLevels.low, kLevels, 0.75F, 2.0F, 0.25F, best);
  search_scale<32>(x, extreme, kLevels.high, kLevels, 1.5F, 0.75F, 0.25F, best);
  const float searched = nearest_f16(best.scale());
  const float plain = nearest_f16(extreme / kLevels.low);
  return squared_error<32>(x, searched, kLevels) <= squared_error<32>(x, plain, kLevels) ? searched
                                                                                         : plain;
}

}  // namespace

void quantize_q4_0(std::span<const float, 32> x, std::span<std::byte, kQ4_0Bytes> block) {
  const auto values = within(x, kLargestF16 * -kLevels.low);
  const float scale = best_scale(values.data());
  write_f16(scale, block.data());
  const auto levels = levels_of<32>(values.data(), scale, kLevels);
  for (size_t i = 0; i < 16; ++i)
    block[2 + i] = static_cast<std::byte>((levels[i] + 8) | (levels[i + 16] + 8) << 4);
}

void dequantize_q4_0(std::span<const std::byte, kQ4_0Bytes> block, std::span<float, 32> x) {
  const float scale = read_f16(block.data());
  for (size_t i = 0; i < 16; ++i) {
    const auto pair = static_cast<int>(block[2 + i]);
    x[i] = scale * static_cast<float>((pair & 15) - 8);
    x[i + 16] = scale * static_cast<float>((pair >> 4) - 8);
  }
}

}  // namespace stapes::blocks
