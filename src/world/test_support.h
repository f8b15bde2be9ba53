// Obvious measurements and made-up recordings for the tests of the sound world.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "audio/audio_file.h"
#include "base/testing/temporary_folder.h"
#include "world/world.h"

namespace stapes::world::test {

using stapes::testing::TemporaryFolder;

// The real recordings, or an empty path.
inline std::filesystem::path spoken_digits_folder() {
  const char* given = std::getenv("STAPES_SHARED_AUDIO");
  const std::filesystem::path audio =
      given != nullptr ? std::filesystem::path(given)
                       : std::filesystem::path(STAPES_SOURCE_DIR) / ".." / "shared" / "audio";
  const std::filesystem::path folder = audio / "spoken-digits";
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

inline std::vector<float> sine(double hz, double seconds, double amplitude = 0.5) {
  std::vector<float> samples(static_cast<size_t>(seconds * kSampleRateHz));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>(
        amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRateHz));
  return samples;
}

// "Digits" that are tones, so that a clip tells which takes it was made of.
inline constexpr double kTrainToneHz = 500, kTestToneHz = 1500;
inline void write_tone_digits(const std::filesystem::path& folder, int takes = 10) {
  for (const char* speaker : {"ann", "bob", "eve"})
    for (int digit = 0; digit < 10; ++digit)
      for (int take = 0; take < takes; ++take)
        write_wav_file(folder / fmt::format("{}_{}_{}.wav", digit, speaker, take),
                       {sine(take >= 5 && take <= 9 ? kTestToneHz : kTrainToneHz, 0.15)});
}

inline std::span<const float> part(const Clip& clip, double start_s, double end_s) {
  const auto at = [&](double seconds) {
    const auto sample = static_cast<size_t>(std::llround(seconds * kSampleRateHz));
    return std::min(sample, clip.audio.samples.size());
  };
  return std::span(clip.audio.samples).subspan(at(start_s), at(end_s) - at(start_s));
}

// Amplitude of a sine at `hz` (one term of the discrete Fourier transform).
inline double amplitude_at(std::span<const float> samples, double hz) {
  std::complex<double> sum = 0;
  for (size_t i = 0; i < samples.size(); ++i)
    sum += static_cast<double>(samples[i]) *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(i) / kSampleRateHz);
  return 2 * std::abs(sum) / static_cast<double>(samples.size());
}

// Fundamental by autocorrelation: the first peak nearly as high as the highest, between 200 and
// 1200 Hz.
inline double pitch_hz(std::span<const float> samples) {
  constexpr size_t kFirstLag = 13, kLastLag = 80;
  std::vector<double> likeness(kLastLag + 2);
  for (size_t lag = kFirstLag - 1; lag < likeness.size(); ++lag) {
    double product = 0, energy = 0;
    for (size_t i = 0; i + lag < samples.size(); ++i) {
      const double a = samples[i], b = samples[i + lag];
      product += a * b;
      energy += (a * a + b * b) / 2;
    }
    likeness[lag] = product / energy;
  }
  const double highest = *std::max_element(likeness.begin() + kFirstLag, likeness.end() - 1);
  for (size_t lag = kFirstLag; lag <= kLastLag; ++lag) {
    const double before = likeness[lag - 1], here = likeness[lag], after = likeness[lag + 1];
    if (here < 0.85 * highest || here < before || here < after) continue;
    const double offset = 0.5 * (before - after) / (before - 2 * here + after);
    return kSampleRateHz / (static_cast<double>(lag) + offset);
  }
  return 0;
}

inline double level_dbfs(std::span<const float> samples) {
  double energy = 0;
  for (const float sample : samples) energy += static_cast<double>(sample) * sample;
  return 10 * std::log10(energy / static_cast<double>(samples.size()));
}

}  // namespace stapes::world::test
