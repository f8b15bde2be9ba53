// For tests: sounds whose measurements are known because they were made from them.
#pragma once

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "base/rng.h"
#include "stapes/audio.h"

namespace stapes::testing {

// A tone with harmonics of amplitude 1/k whose pitch and level follow functions of time in s.
struct Tone {
  double seconds = 1;
  std::function<double(double)> hz = [](double) { return 220.0; };
  std::function<double(double)> dbfs = [](double) { return -20.0; };  // RMS of the fundamental
  int harmonics = 5;
};

inline AudioClip make_tone(const Tone& tone) {
  AudioClip clip;
  double phase = 0;
  const auto count = static_cast<size_t>(tone.seconds * kSampleRateHz);
  for (size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) / kSampleRateHz;
    phase += 2 * std::numbers::pi * tone.hz(t) / kSampleRateHz;
    double value = 0;
    for (int k = 1; k <= tone.harmonics; ++k)
      if (k * tone.hz(t) < 7500) value += std::sin(k * phase) / k;
    const double fade = std::min({1.0, t / 0.005, (tone.seconds - t) / 0.005});
    clip.samples.push_back(
        static_cast<float>(fade * std::numbers::sqrt2 * std::pow(10, tone.dbfs(t) / 20) * value));
  }
  return clip;
}

inline AudioClip make_tone(double hz, double seconds, double dbfs = -20, int harmonics = 5) {
  return make_tone({.seconds = seconds,
                    .hz = [hz](double) { return hz; },
                    .dbfs = [dbfs](double) { return dbfs; },
                    .harmonics = harmonics});
}

inline void append(AudioClip& clip, const AudioClip& more) {
  clip.samples.insert(clip.samples.end(), more.samples.begin(), more.samples.end());
}

inline void append_silence(AudioClip& clip, double seconds) {
  clip.samples.resize(clip.samples.size() + static_cast<size_t>(seconds * kSampleRateHz));
}

inline void add_white_noise(AudioClip& clip, double dbfs, uint64_t seed = 1) {
  Rng rng(seed);
  const double amplitude = std::pow(10, dbfs / 20);
  for (float& sample : clip.samples) sample += static_cast<float>(amplitude * rng.normal());
}

// Beeps that begin at the given times.
inline AudioClip beeps_at(const std::vector<double>& times_s, double seconds_each, double hz = 880,
                          double total_s = 0) {
  AudioClip clip;
  for (const double time : times_s) {
    const auto begin = static_cast<size_t>(std::lround(time * kSampleRateHz));
    const AudioClip beep = make_tone(hz, seconds_each, -20, 2);
    clip.samples.resize(std::max(clip.samples.size(), begin + beep.samples.size()));
    for (size_t i = 0; i < beep.samples.size(); ++i) clip.samples[begin + i] += beep.samples[i];
  }
  if (clip.seconds() < total_s) clip.samples.resize(static_cast<size_t>(total_s * kSampleRateHz));
  return clip;
}

}  // namespace stapes::testing
