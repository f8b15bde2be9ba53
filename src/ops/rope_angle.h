// The angles of rotary position embedding, rounded to f32 where the release's Qwen2 code rounds
// (transformers, Qwen2RotaryEmbedding: inv_freq and position · inv_freq are f32 tensors).
#pragma once

#include <cmath>
#include <cstdint>

namespace stapes {

// theta^(-2 · pair / head_width)
inline float rope_frequency(double theta, int64_t pair, int64_t head_width) {
  const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(head_width);
  return static_cast<float>(1.0 / std::pow(theta, exponent));
}

inline float rope_angle(int64_t position, float frequency) {
  return static_cast<float>(position) * frequency;
}

}  // namespace stapes
