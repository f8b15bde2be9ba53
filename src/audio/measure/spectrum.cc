#include "audio/measure/spectrum.h"

#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include "audio/mel_scale.h"
#include "base/check.h"
#include "stapes/audio.h"

namespace stapes {
namespace {

constexpr size_t kFftSize = 512;
constexpr size_t kBins = kFftSize / 2 + 1;
constexpr size_t kHop = static_cast<size_t>(SpectralCourse::kHopSeconds * kSampleRateHz);
constexpr size_t kBands = 40;
constexpr double kHzPerBin = static_cast<double>(kSampleRateHz) / kFftSize;
constexpr size_t kFirstBin = 2;  // 62.5 Hz
constexpr size_t kNoveltyLag = 2;

using Magnitudes = std::array<float, kBins>;

class Transform {
 public:
  Transform() : plan_(kiss_fftr_alloc(kFftSize, 0, nullptr, nullptr), kiss_fftr_free) {
    STAPES_CHECK(plan_ != nullptr, "no FFT plan");
    for (size_t i = 0; i < kFftSize; ++i)
      window_[i] = static_cast<float>(
          (0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / kFftSize)) * 2 /
          kFftSize);
  }
  // samples: kFftSize of them. A full-scale sine has the magnitude 0.5 at its bin.
  void run(const float* samples, Magnitudes& magnitudes) {
    for (size_t i = 0; i < kFftSize; ++i) windowed_[i] = samples[i] * window_[i];
    kiss_fftr(plan_.get(), windowed_.data(), spectrum_.data());
    for (size_t bin = 0; bin < kBins; ++bin)
      magnitudes[bin] = std::hypot(spectrum_[bin].r, spectrum_[bin].i);
  }

 private:
  std::unique_ptr<kiss_fftr_state, decltype(&kiss_fftr_free)> plan_;
  std::array<float, kFftSize> window_{};
  std::array<float, kFftSize> windowed_{};
  std::array<kiss_fft_cpx, kBins> spectrum_{};
};

bool sounds(const Activity& activity, size_t window) {
  // Spectra and levels have the same hop; their windows' centres lie 8.5 ms apart.
  static_assert(SpectralCourse::kHopSeconds == LevelContour::kHopSeconds);
  const auto shift = static_cast<size_t>(
      std::lround((SpectralCourse::kWindowSeconds - LevelContour::kWindowSeconds) / 2 /
                  LevelContour::kHopSeconds));
  return window + shift < activity.active.size() && activity.active[window + shift];
}

size_t window_count(std::span<const float> samples) {
  return samples.size() < kFftSize ? 0 : (samples.size() - kFftSize) / kHop + 1;
}

// Median magnitudes of at most 200 windows without sound, spread over the clip.
Magnitudes noise_of(std::span<const float> samples, const Activity& activity,
                    Transform& transform) {
  constexpr size_t kMost = 200;
  std::vector<size_t> quiet;
  for (size_t w = 0; w < window_count(samples); ++w)
    if (!sounds(activity, w)) quiet.push_back(w);
  Magnitudes noise{};
  if (quiet.empty()) return noise;
  std::vector<Magnitudes> spectra(std::min(quiet.size(), kMost));
  for (size_t i = 0; i < spectra.size(); ++i)
    transform.run(samples.data() + quiet[i * quiet.size() / spectra.size()] * kHop, spectra[i]);
  std::vector<float> values(spectra.size());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  for (size_t bin = 0; bin < kBins; ++bin) {
    for (size_t i = 0; i < spectra.size(); ++i) values[i] = spectra[i][bin];
    std::ranges::nth_element(values, middle);
    noise[bin] = *middle;
  }
  return noise;
}

// Twice the noise's median is exceeded by 6 % of its own values (Rayleigh), once it by half of
// them.
constexpr float kNoiseFactor = 2;

float centroid_of(const Magnitudes& magnitudes, const Magnitudes& noise) {
  double weighted = 0, total = 0;
  for (size_t bin = kFirstBin; bin < kBins; ++bin) {
    const double above = std::max(0.0F, magnitudes[bin] - kNoiseFactor * noise[bin]);
    weighted += above * static_cast<double>(bin) * kHzPerBin;
    total += above;
  }
  return total > 0 ? static_cast<float>(weighted / total) : 0.0F;
}

using Bands = std::array<float, kBands>;

// Which band a bin adds to, or kBands for none.
std::array<size_t, kBins> band_of_bins() {
  std::array<size_t, kBins> bands{};
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double hz = static_cast<double>(bin) * kHzPerBin;
    size_t band = 0;
    while (band < kBands && mel_band_centre_hz(static_cast<double>(band) + 0.5, kBands) < hz)
      ++band;
    bands[bin] = bin < kFirstBin ? kBands : band;
  }
  return bands;
}

// log2(1 + magnitude / reference): what lies far below the loud parts counts for nothing.
Bands log_bands(const Magnitudes& magnitudes, const std::array<size_t, kBins>& band_of,
                float reference) {
  Bands bands{};
  for (size_t bin = 0; bin < kBins; ++bin)
    if (band_of[bin] < kBands) bands[band_of[bin]] += magnitudes[bin];
  for (float& band : bands) band = std::log2(1 + band / reference);
  return bands;
}

}  // namespace

SpectralCourse measure_spectrum(std::span<const float> samples, const Activity& activity) {
  constexpr double kReferenceBelowLoudDb = 35;
  Transform transform;
  const Magnitudes noise = noise_of(samples, activity, transform);
  const auto band_of = band_of_bins();
  const auto reference =
      static_cast<float>(std::pow(10, (activity.loud_dbfs - kReferenceBelowLoudDb) / 20));
  SpectralCourse course;
  std::array<Bands, kNoveltyLag> before{};  // of the last windows, in turns
  Magnitudes magnitudes{};
  for (size_t w = 0; w < window_count(samples); ++w) {
    transform.run(samples.data() + w * kHop, magnitudes);
    course.centroid_hz.push_back(sounds(activity, w) ? centroid_of(magnitudes, noise) : 0.0F);
    const Bands bands = log_bands(magnitudes, band_of, reference);
    Bands& earlier = before[w % kNoveltyLag];
    float rise = 0;
    if (w >= kNoveltyLag)
      for (size_t b = 0; b < kBands; ++b) rise += std::max(0.0F, bands[b] - earlier[b]);
    earlier = bands;
    course.novelty.push_back(rise);
  }
  return course;
}

double median_centroid_hz(const SpectralCourse& course, const TimeSpan& span) {
  std::vector<float> values;
  for (size_t w = 0; w < course.centroid_hz.size(); ++w) {
    const double time = SpectralCourse::time_s(w);
    if (course.centroid_hz[w] > 0 && time >= span.start_s && time < span.end_s)
      values.push_back(course.centroid_hz[w]);
  }
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace stapes
