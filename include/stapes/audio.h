// Sound as Stapes sees it: one channel of samples at 16 kHz.
#pragma once

#include <vector>

namespace stapes {

inline constexpr int kSampleRateHz = 16000;

struct AudioClip {
  std::vector<float> samples;  // mono, 16 kHz, nominally in [-1, 1]
  double seconds() const { return static_cast<double>(samples.size()) / kSampleRateHz; }
};

}  // namespace stapes
