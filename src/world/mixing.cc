#include "world/mixing.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace stapes::world {
namespace {

// y[n] = pole y[n-1] + (1 - pole) x[n]: gain 1 at 0 Hz, -3 dB near `cutoff_hz`.
class OnePole {
 public:
  explicit OnePole(double cutoff_hz, double gain = 1)
      : pole_(static_cast<float>(std::exp(-2.0 * std::numbers::pi * cutoff_hz / kSampleRateHz))),
        input_(static_cast<float>(gain) * (1 - pole_)) {}
  float operator()(float x) { return state_ = pole_ * state_ + input_ * x; }

 private:
  float pole_, input_, state_ = 0;
};

// First-order tilt, then high-pass and low-pass: small rooms and cheap microphones.
void add_colour(std::span<float> samples, Rng& rng) {
  const auto tilt = static_cast<float>(rng.uniform(-0.4, 0.4));  // > 0 darker, < 0 brighter
  OnePole rumble(20.0 * std::exp2(rng.uniform(0.0, 3.0)));       // taken away below 20..160 Hz
  OnePole smooth(2500.0 * std::exp2(rng.uniform(0.0, 1.4)));     // 2.5..6.6 kHz
  float previous = 0;
  for (float& sample : samples) {
    const float tilted = sample + tilt * previous;
    previous = sample;
    sample = smooth(tilted - rumble(tilted));
  }
}

// Nearly normal, standard deviation 1: four 16-bit uniforms from one word.
float fast_normal(Rng& rng) {
  const uint64_t word = rng.next();
  const auto sum = static_cast<int64_t>((word & 0xffff) + ((word >> 16) & 0xffff) +
                                        ((word >> 32) & 0xffff) + (word >> 48));
  constexpr float kScale = 1.0F / 37837.2F;  // sqrt(4 * 65536^2 / 12)
  return static_cast<float>(sum - 131070) * kScale;
}

}  // namespace

std::vector<float> coloured_noise(size_t count, const NoiseMixture& shares, Rng& rng) {
  // Pink: one-pole filters at a constant ratio of cutoffs, gains falling with the square root of
  // the cutoff, follow -3 dB per octave from one cutoff to the next.
  OnePole first(25, 4.8), second(160, 1.92), third(1000, 0.75), fourth(6000, 0.3), brown(8, 25.0);
  std::vector<float> noise(count);
  for (float& sample : noise) {
    const float white = fast_normal(rng);
    const float pink = first(white) + second(white) + third(white) + fourth(white);
    sample = shares.white * white + shares.pink * pink + shares.brown * brown(white);
  }
  return noise;
}

namespace {

std::span<const float> samples_of(const Clip& clip, const Event& event) {
  const size_t start = std::min(to_samples(event.start_s), clip.audio.samples.size());
  const size_t end = std::clamp(to_samples(event.end_s), start, clip.audio.samples.size());
  return std::span(clip.audio.samples).subspan(start, end - start);
}

}  // namespace

std::vector<float> change_speed(std::span<const float> samples, double speed) {
  STAPES_CHECK(speed > 0, "speed {}", speed);
  if (samples.empty()) return {};
  const auto last = static_cast<int64_t>(samples.size()) - 1;
  const auto at = [&](int64_t index) {
    return samples[static_cast<size_t>(std::clamp<int64_t>(index, 0, last))];
  };
  const auto count = static_cast<size_t>(static_cast<double>(samples.size()) / speed);
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i) {
    const double position = static_cast<double>(i) * speed;
    const auto base = static_cast<int64_t>(position);
    const auto t = static_cast<float>(position - static_cast<double>(base));
    const float a = at(base - 1), b = at(base), c = at(base + 1), d = at(base + 2);
    result[i] =
        b + 0.5F * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  }
  return result;
}

double rms(std::span<const float> samples) {
  if (samples.empty()) return 0;
  double energy = 0;
  for (const float sample : samples) energy += static_cast<double>(sample) * sample;
  return std::sqrt(energy / static_cast<double>(samples.size()));
}

double to_db(double amplitude_ratio) {
  return 20.0 * std::log10(amplitude_ratio);
}
double from_db(double db) {
  return std::pow(10.0, db / 20.0);
}

size_t to_samples(double seconds) {
  return static_cast<size_t>(std::llround(seconds * kSampleRateHz));
}

void record(Clip& clip, const Recording& how, Rng& rng) {
  std::vector<float>& samples = clip.audio.samples;
  if (how.colour) add_colour(samples, rng);

  double energy = 0, sounding = 0;
  for (Event& event : clip.truth.events) {
    const auto part = samples_of(clip, event);
    const double level = rms(part);
    event.level_db = to_db(std::max(level, 1e-9));
    energy += level * level * static_cast<double>(part.size());
    sounding += static_cast<double>(part.size());
  }
  clip.truth.noise_db = how.snr_db;
  if (std::isfinite(how.snr_db) && energy > 0) {
    const NoiseMixture shares = {static_cast<float>(rng.uniform()),
                                 static_cast<float>(rng.uniform()),
                                 static_cast<float>(rng.uniform())};
    const std::vector<float> noise = coloured_noise(samples.size(), shares, rng);
    const double wanted = std::sqrt(energy / sounding) * from_db(-how.snr_db);
    const auto gain = static_cast<float>(wanted / rms(noise));
    for (size_t i = 0; i < samples.size(); ++i) samples[i] += gain * noise[i];
  }

  float peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::abs(sample));
  if (peak <= 0) return;
  const double gain = from_db(how.peak_dbfs) / peak;
  for (float& sample : samples) sample *= static_cast<float>(gain);
  for (Event& event : clip.truth.events) event.level_db += to_db(gain);
}

}  // namespace stapes::world
