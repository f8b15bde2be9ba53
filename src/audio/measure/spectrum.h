// Short-time spectra: where the energy of a sound lies, and how suddenly that changes.
#pragma once

#include <span>
#include <vector>

#include "audio/measure/level.h"

namespace stapes {

// One value for each window of 32 ms, every 5 ms.
struct SpectralCourse {
  static constexpr double kHopSeconds = 0.005;
  static constexpr double kWindowSeconds = 0.032;

  // Brightness: mean frequency weighted by magnitude from 60 Hz up, less twice the magnitudes that
  // the clip's noise has there (median of the windows without sound); 0 in windows without sound.
  std::vector<float> centroid_hz;
  // Novelty: rise of the log magnitudes of 40 mel bands over 10 ms, summed over the bands that
  // rise; 0 at the beginning.
  std::vector<float> novelty;
  static double time_s(size_t window) {
    return static_cast<double>(window) * kHopSeconds + kWindowSeconds / 2;
  }
};
SpectralCourse measure_spectrum(std::span<const float> samples, const Activity& activity);

// Median centroid of the windows in a span that sound; 0 for none.
double median_centroid_hz(const SpectralCourse& course, const TimeSpan& span);

}  // namespace stapes
