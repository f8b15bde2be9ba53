// The Slaney mel scale, linear below 1 kHz and logarithmic above, and where the bands lie on it.
#pragma once

#include <cmath>
#include <cstdint>

namespace stapes {

inline constexpr double kMelMaxHz = 8000.0;  // bands reach from 0 Hz to here

namespace mel_scale {
inline constexpr double kLinearHzPerMel = 200.0 / 3.0;
inline constexpr double kLogStartHz = 1000.0;
inline constexpr double kLogStartMel = kLogStartHz / kLinearHzPerMel;
inline const double kLogStep = std::log(6.4) / 27.0;
}  // namespace mel_scale

inline double hz_to_mel(double hz) {
  using namespace mel_scale;
  if (hz < kLogStartHz) return hz / kLinearHzPerMel;
  return kLogStartMel + std::log(hz / kLogStartHz) / kLogStep;
}

inline double mel_to_hz(double mel) {
  using namespace mel_scale;
  if (mel < kLogStartMel) return mel * kLinearHzPerMel;
  return kLogStartHz * std::exp(kLogStep * (mel - kLogStartMel));
}

// Band b (from 0) has its centre b + 1 steps up of bands + 1 to the top; broken numbers lie
// between.
inline double mel_band_centre_hz(double band, int64_t bands) {
  return mel_to_hz(hz_to_mel(kMelMaxHz) * (band + 1.0) / static_cast<double>(bands + 1));
}
inline double mel_band_at_hz(double hz, int64_t bands) {
  return hz_to_mel(hz) / hz_to_mel(kMelMaxHz) * static_cast<double>(bands + 1) - 1.0;
}

}  // namespace stapes
