#include "world/beats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "world/mixing.h"

namespace stapes::world {
namespace {

constexpr int kMinBeats = 3;
constexpr double kLongestSeconds = 6.5;  // from the first pulse to the last
// The model's tokens are 80 ms of sound: two pulses never fall into one.
constexpr double kShortestPeriod = 0.2, kLongestPeriod = 0.6, kShortestGap = 0.15;
constexpr double kPulseSeconds = 0.06;
constexpr double kNoiselessClipShare = 0.15;  // of the augmented clips: no noise at all

constexpr std::array<const char*, 3> kKinds = {"click", "drum", "woodblock"};

// A pulse's sound: a tone that may fall, and noise, each decaying exponentially.
struct Voice {
  double start_hz, end_hz;
  double tone_decay_s, noise_decay_s;
  double tone, noise;  // amplitudes

  static Voice draw(size_t kind, Rng& rng) {
    switch (kind) {
      case 0:
        return {.start_hz = 3000,
                .end_hz = 3000,
                .tone_decay_s = 0.003,
                .noise_decay_s = rng.uniform(0.003, 0.006),
                .tone = 0.3,
                .noise = 1};
      case 1: {
        const double low = rng.uniform(90, 160);
        return {.start_hz = 2.2 * low,
                .end_hz = low,
                .tone_decay_s = rng.uniform(0.015, 0.025),
                .noise_decay_s = 0.006,
                .tone = 1,
                .noise = 0.35};
      }
      default: {
        const double hz = rng.uniform(700, 1500);
        return {.start_hz = hz,
                .end_hz = hz,
                .tone_decay_s = rng.uniform(0.008, 0.014),
                .noise_decay_s = 0.002,
                .tone = 1,
                .noise = 0.3};
      }
    }
  }

  std::vector<float> pulse(Rng& rng) const {
    constexpr double kAttack = 0.001, kRelease = 0.004;
    const std::vector<float> hiss = coloured_noise(to_samples(kPulseSeconds), {.white = 1}, rng);
    std::vector<float> wave(hiss.size());
    double phase = 0;
    for (size_t i = 0; i < wave.size(); ++i) {
      const double t = static_cast<double>(i) / kSampleRateHz;
      const double hz = end_hz + (start_hz - end_hz) * std::exp(-t / 0.01);
      phase += 2 * std::numbers::pi * hz / kSampleRateHz;
      const double edge =
          std::min({1.0, t / kAttack, (kPulseSeconds - t) / kRelease});  // without clicks
      wave[i] = static_cast<float>(edge * (tone * std::exp(-t / tone_decay_s) * std::sin(phase) +
                                           noise * std::exp(-t / noise_decay_s) * hiss[i]));
    }
    return wave;
  }
};

}  // namespace

Truth plan_beats(int max_beats, Rng& rng) {
  const auto beats = static_cast<int>(rng.integer(kMinBeats, max_beats));
  const double slowest = std::min(kLongestPeriod, kLongestSeconds / (beats - 1));
  const double period = rng.uniform(kShortestPeriod, slowest);
  const bool regular = rng.chance(0.5);
  Truth plan;
  plan.timbre = rng.pick(kKinds);
  plan.notes_per_second = regular ? 1 / period : 0;
  double start = rng.uniform(0.1, 0.4);
  for (int i = 0; i < beats; ++i) {
    Event& event = plan.events.emplace_back();
    event.start_s = start;
    event.end_s = start + kPulseSeconds;
    event.level_db = rng.uniform(-1, 1);
    start += regular ? period : std::max(kShortestGap, period * rng.uniform(0.75, 1.25));
  }
  return plan;
}

Clip render_beats(const Truth& plan, bool augment, Rng& rng) {
  Clip clip;
  clip.truth = plan;
  const auto kind = static_cast<size_t>(std::ranges::find(kKinds, plan.timbre) - kKinds.begin());
  const Voice voice = Voice::draw(kind, rng);
  std::vector<float>& samples = clip.audio.samples;
  samples.resize(to_samples(plan.events.back().end_s + rng.uniform(0.1, 0.4)));
  for (const Event& event : clip.truth.events) {
    const std::vector<float> wave = voice.pulse(rng);
    const auto gain = static_cast<float>(0.1 * from_db(event.level_db) / rms(wave));
    const size_t start = to_samples(event.start_s);
    for (size_t i = 0; i < wave.size(); ++i) samples[start + i] += gain * wave[i];
  }
  Recording how;
  how.colour = augment;
  how.snr_db = augment && !rng.chance(kNoiselessClipShare)
                   ? rng.uniform(15, 40)
                   : std::numeric_limits<double>::infinity();
  how.peak_dbfs = augment ? rng.uniform(-30, -3) : -6;
  record(clip, how, rng);
  return clip;
}

}  // namespace stapes::world
