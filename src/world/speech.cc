#include "world/speech.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "world/conflict.h"
#include "world/mixing.h"

namespace stapes::world {
namespace {

constexpr double kTargetSeconds = 4.0;  // silence is shortened towards this
constexpr double kMinSilenceSeconds = 0.05;

// How often pieces are joined at the levels at which they were recorded (speakers of the digit set
// lie up to 30 dB apart) instead of at one level, and how often nothing is between them.
constexpr double kRecordedLevelsShare = 0.3;
constexpr double kSilentShare = 0.15;
constexpr double kSilentShareAtRecordedLevels = 0.5;

std::vector<int> draw_speakers(int digits, int speaker_count, Rng& rng) {
  const auto any = [&] { return static_cast<int>(rng.integer(0, speaker_count - 1)); };
  std::vector<int> speakers(static_cast<size_t>(digits), any());
  if (digits == 1 || speaker_count == 1 || rng.chance(0.5)) return speakers;
  for (size_t i = 1; i < speakers.size(); ++i) speakers[i] = any();
  if (std::count(speakers.begin(), speakers.end(), speakers[0]) == digits) {
    const auto place = static_cast<size_t>(rng.integer(1, digits - 1));
    speakers[place] =
        (speakers[0] + static_cast<int>(rng.integer(1, speaker_count - 1))) % speaker_count;
  }
  return speakers;
}

// Silence before each of the recordings and after the last one, in seconds.
std::vector<double> draw_silences(size_t recordings, double sounding_s, Rng& rng) {
  std::vector<double> silences(recordings + 1);
  double total = 0;
  for (size_t i = 0; i <= recordings; ++i) {
    const bool border = i == 0 || i == recordings;
    silences[i] = border ? rng.uniform(0.1, 0.4) : rng.uniform(0.05, 0.5);
    total += silences[i];
  }
  const double available = std::max(0.0, kTargetSeconds - sounding_s);
  if (total > available)
    for (double& silence : silences)
      silence = std::max(kMinSilenceSeconds, silence * available / total);
  return silences;
}

// Noise that even the quietest event is heard through, or none.
double draw_snr_db(const std::vector<std::vector<float>>& sounds, double silent_share, Rng& rng) {
  if (rng.chance(silent_share)) return std::numeric_limits<double>::infinity();
  double energy = 0, count = 0, quietest = std::numeric_limits<double>::infinity();
  for (const auto& sound : sounds) {
    const double level = rms(sound);
    energy += level * level * static_cast<double>(sound.size());
    count += static_cast<double>(sound.size());
    quietest = std::min(quietest, level);
  }
  return rng.uniform(10, 40) + std::max(0.0, to_db(std::sqrt(energy / count) / quietest) - 6);
}

// Sounds one after the other with silences before, between and behind them; fills the events'
// times. Returns the highest amplitude.
float join(Clip& clip, const std::vector<std::vector<float>>& sounds, Rng& rng) {
  double sounding_s = 0;
  for (const auto& sound : sounds) sounding_s += static_cast<double>(sound.size()) / kSampleRateHz;
  const std::vector<double> silences = draw_silences(sounds.size(), sounding_s, rng);
  std::vector<float>& samples = clip.audio.samples;
  float peak = 0;
  for (size_t i = 0; i < sounds.size(); ++i) {
    samples.resize(samples.size() + to_samples(silences[i]));
    clip.truth.events[i].start_s = clip.audio.seconds();
    samples.insert(samples.end(), sounds[i].begin(), sounds[i].end());
    clip.truth.events[i].end_s = clip.audio.seconds();
    for (const float sample : sounds[i]) peak = std::max(peak, std::abs(sample));
  }
  samples.resize(samples.size() + to_samples(silences.back()));
  return peak;
}

void set_level(std::vector<float>& sound, double level_db) {
  const auto gain = static_cast<float>(0.1 * from_db(level_db) / rms(sound));
  for (float& sample : sound) sample *= gain;
}

void add_event(Clip& clip, const SpokenDigit& spoken) {
  Event& event = clip.truth.events.emplace_back();
  event.digit = spoken.digit;
  event.speaker = spoken.speaker;
}

}  // namespace

Clip make_speech_clip(const DigitBank& bank, Split split, const SpeechOptions& options, Rng& rng) {
  const auto digits = static_cast<int>(rng.integer(options.min_digits, options.max_digits));
  const double speed = options.augment ? rng.uniform(0.85, 1.15) : 1.0;
  const bool recorded_levels = options.augment && rng.chance(kRecordedLevelsShare);
  bank.require_speakers(split, 1);

  Clip clip;
  std::vector<std::vector<float>> sounds;
  for (const int speaker : draw_speakers(digits, bank.speaker_count(split), rng)) {
    const SpokenDigit& spoken = bank.draw(split, speaker, rng);
    sounds.push_back(options.augment ? change_speed(spoken.samples, speed) : spoken.samples);
    // All speakers at one level first: how loud a microphone was shall not tell who speaks.
    if (options.augment && !recorded_levels) set_level(sounds.back(), rng.uniform(-6, 6));
    add_event(clip, spoken);
  }
  const float peak = join(clip, sounds, rng);

  Recording how;
  how.colour = options.augment;
  how.snr_db =
      options.augment
          ? draw_snr_db(sounds, recorded_levels ? kSilentShareAtRecordedLevels : kSilentShare, rng)
          : std::numeric_limits<double>::infinity();
  how.peak_dbfs = options.augment ? rng.uniform(-30, -3) : std::min(to_db(peak), -0.1);
  record(clip, how, rng);
  return clip;
}

Clip make_conflict_clip(const DigitBank& bank, Split split, const SpeechOptions& options,
                        Rng& rng) {
  bank.require_speakers(split, 1);
  const auto speaker = static_cast<int>(rng.integer(0, bank.speaker_count(split) - 1));
  const ConflictPlan plan =
      plan_conflict(bank.digits_of(split, speaker), std::max(2, options.max_digits), rng);
  const double speed = options.augment ? rng.uniform(0.85, 1.15) : 1.0;

  Clip clip;
  clip.truth.number_trend = plan.number_trend;
  clip.truth.loudness_trend = plan.loudness_trend;
  std::vector<std::vector<float>> sounds;
  for (size_t i = 0; i < plan.digits.size(); ++i) {
    const SpokenDigit& spoken = bank.draw_digit(split, speaker, plan.digits[i], rng);
    sounds.push_back(options.augment ? change_speed(spoken.samples, speed) : spoken.samples);
    set_level(sounds.back(), plan.levels_db[i]);
    add_event(clip, spoken);
  }
  const float peak = join(clip, sounds, rng);

  Recording how;
  // A microphone's colour would change the level from digit to digit, and with it the course.
  how.colour = false;
  how.snr_db = options.augment ? draw_snr_db(sounds, kSilentShare, rng)
                               : std::numeric_limits<double>::infinity();
  how.peak_dbfs = options.augment ? rng.uniform(-30, -3) : std::min(to_db(peak), -0.1);
  record(clip, how, rng);
  return clip;
}

}  // namespace stapes::world
