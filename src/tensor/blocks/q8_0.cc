#include "tensor/blocks/blocks.h"
#include "tensor/blocks/scale_search.h"

namespace stapes::blocks {
namespace {

// -128 is left out: kernels that take the sign of a byte apart rely on it.
constexpr Levels kLevels{.low = -127, .high = 127};

float best_scale(const float* x) {
  const float extreme = std::abs(extreme_of<32>(x));
  if (extreme < kSmallestF16 / 2) return 0;
  float best = nearest_f16(extreme / kLevels.high);  // what ggml stores
  float best_error = squared_error<32>(x, best, kLevels);
  // With 8 bits there is little to win: a scale a trifle smaller or larger may fit better by luck.
  for (const float last_level : {125.5F, 126.0F, 126.5F, 127.0F, 127.4F}) {
    const float scale = nearest_f16(fit<32>(x, last_level / extreme, kLevels).scale());
    const float error = squared_error<32>(x, scale, kLevels);
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

void quantize_q8_0(std::span<const float, 32> x, std::span<std::byte, kQ8_0Bytes> block) {
  const auto values = within(x, kLargestF16 * kLevels.high);
  const float scale = best_scale(values.data());
  write_f16(scale, block.data());
  const auto levels = levels_of<32>(values.data(), scale, kLevels);
  for (size_t i = 0; i < 32; ++i) block[2 + i] = static_cast<std::byte>(levels[i]);
}

void dequantize_q8_0(std::span<const std::byte, kQ8_0Bytes> block, std::span<float, 32> x) {
  const float scale = read_f16(block.data());
  for (size_t i = 0; i < 32; ++i)
    x[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

}  // namespace stapes::blocks
