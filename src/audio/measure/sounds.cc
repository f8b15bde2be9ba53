#include "audio/measure/sounds.h"

#include <algorithm>
#include <cmath>

#include "stapes/audio.h"

namespace stapes {
namespace {

constexpr double kShortestPartSeconds = 0.05;
constexpr double kPitchStepSemitones = 0.7;
constexpr double kLevelStepDb = 6;

size_t level_window_at(const LevelContour& levels, double time_s) {
  const double window = (time_s - LevelContour::kWindowSeconds / 2) / LevelContour::kHopSeconds;
  const auto last = static_cast<double>(levels.dbfs.size()) - 1;
  return static_cast<size_t>(std::clamp(std::round(window), 0.0, last));
}

bool has_pitch_at(const PitchContour& pitch, double time_s) {
  const auto frame = static_cast<size_t>(std::lround(time_s / PitchContour::kHopSeconds));
  return frame < pitch.hz.size() && pitch.hz[frame] > 0;
}

// A string plucked again, a second knock; but not from a consonant into its vowel.
bool is_struck_again_at(const LevelContour& levels, const PitchContour& pitch, double time_s) {
  constexpr double kSide = 0.015, kPitchSide = 0.03;
  if (has_pitch_at(pitch, time_s - kPitchSide) != has_pitch_at(pitch, time_s + kPitchSide))
    return false;
  const float before = levels.dbfs[level_window_at(levels, time_s - kSide)];
  const float after = levels.dbfs[level_window_at(levels, time_s + kSide)];
  return static_cast<double>(after - before) >= kLevelStepDb;
}

// From one steady pitch to another: both sides hold within half a semitone, and drift by less than
// a third of the step (else it is a glide).
bool pitch_steps_at(const PitchContour& pitch, double time_s) {
  constexpr double kNear = 0.02, kFar = 0.06, kHeld = 0.5;
  const auto side = [&](double from, double to) {
    std::vector<double> semitones;
    for (double t = from; t <= to + 1e-9; t += PitchContour::kHopSeconds) {
      const auto frame = static_cast<size_t>(std::lround(t / PitchContour::kHopSeconds));
      if (frame < pitch.hz.size() && pitch.hz[frame] > 0)
        semitones.push_back(semitones_of(static_cast<double>(pitch.hz[frame])));
    }
    std::ranges::sort(semitones);
    return semitones;
  };
  const auto before = side(time_s - kFar, time_s - kNear);
  const auto after = side(time_s + kNear, time_s + kFar);
  if (before.size() < 3 || after.size() < 3) return false;
  const double drift = std::max(before.back() - before.front(), after.back() - after.front());
  const double step = std::abs(after[after.size() / 2] - before[before.size() / 2]);
  return drift <= kHeld && step >= std::max(kPitchStepSemitones, 3 * drift);
}

// Peaks of the novelty inside of a span, 1.5 times as high as the mean of 0.1 s around them.
std::vector<double> novelty_peaks(const SpectralCourse& spectrum, const TimeSpan& span) {
  constexpr size_t kAround = 10;
  constexpr float kStandsOut = 1.5F;
  const std::vector<float>& novelty = spectrum.novelty;
  std::vector<double> peaks;
  for (size_t w = 1; w + 1 < novelty.size(); ++w) {
    const double time = SpectralCourse::time_s(w);
    if (time < span.start_s + kShortestPartSeconds || time > span.end_s - kShortestPartSeconds)
      continue;
    if (novelty[w] < novelty[w - 1] || novelty[w] <= novelty[w + 1]) continue;
    const size_t begin = w - std::min(w, kAround), end = std::min(novelty.size(), w + kAround + 1);
    float sum = 0;
    for (size_t i = begin; i < end; ++i) sum += novelty[i];
    if (novelty[w] >= kStandsOut * sum / static_cast<float>(end - begin)) peaks.push_back(time);
  }
  return peaks;
}

std::span<const float> part(std::span<const float> samples, const TimeSpan& span) {
  const auto at = [&](double seconds) {
    const double sample = std::max(0.0, std::round(seconds * kSampleRateHz));
    return std::min(static_cast<size_t>(sample), samples.size());
  };
  const size_t begin = at(span.start_s);
  return samples.subspan(begin, std::max(begin, at(span.end_s)) - begin);
}

bool is_beats(double gap_s, double beat_s, int beats) {
  const double whole = beat_s * beats;
  return std::abs(gap_s - whole) <= 0.05 * whole + 0.008;
}

int beats_of(double gap_s, double beat_s) {
  return is_beats(gap_s, beat_s, 1) ? 1 : is_beats(gap_s, beat_s, 2) ? 2 : 0;
}

double folded_bpm(double beat_s) {
  constexpr double kSlowest = 45, kFastest = 240;
  double bpm = 60 / beat_s;
  while (bpm > kFastest) bpm /= 2;
  while (bpm < kSlowest) bpm *= 2;
  return bpm;
}

}  // namespace

std::vector<Sound> find_sounds(std::span<const float> samples, const LevelContour& levels,
                               const Activity& activity, const PitchContour& pitch,
                               const SpectralCourse& spectrum) {
  std::vector<TimeSpan> spans;
  for (const TimeSpan& sounding : activity.sounding) {
    double begin = sounding.start_s;
    for (const double time : novelty_peaks(spectrum, sounding)) {
      if (time < begin + kShortestPartSeconds) continue;
      if (!pitch_steps_at(pitch, time) && !is_struck_again_at(levels, pitch, time)) continue;
      spans.push_back({begin, time});
      begin = time;
    }
    spans.push_back({begin, sounding.end_s});
  }
  std::vector<Sound> sounds;
  for (const TimeSpan& span : spans)
    sounds.push_back({.span = span,
                      .level_dbfs = level_dbfs(part(samples, span)),
                      .pitch_hz = median_pitch_hz(pitch, span),
                      .centroid_hz = median_centroid_hz(spectrum, span)});
  return sounds;
}

Tempo find_tempo(std::span<const Sound> sounds) {
  constexpr size_t kFewestGaps = 3;
  constexpr double kSteadyShare = 0.8;
  std::vector<double> gaps;
  for (size_t i = 1; i < sounds.size(); ++i)
    gaps.push_back(sounds[i].span.start_s - sounds[i - 1].span.start_s);
  if (gaps.size() < kFewestGaps) return {};
  Tempo tempo;
  double best_beat = 0;
  for (const double beat : gaps) {
    size_t fitting = 0, single = 0;
    for (const double gap : gaps) {
      const int beats = beats_of(gap, beat);
      fitting += beats > 0 ? 1 : 0;
      single += beats == 1 ? 1 : 0;
    }
    const double share = static_cast<double>(fitting) / static_cast<double>(gaps.size());
    if (2 * single < gaps.size() || share <= tempo.regularity) continue;
    tempo.regularity = share;
    best_beat = beat;
  }
  if (tempo.regularity < kSteadyShare) return tempo;
  double seconds = 0, beats = 0;
  for (const double gap : gaps) {
    const int count = beats_of(gap, best_beat);
    if (count == 0) continue;
    seconds += gap;
    beats += count;
  }
  tempo.bpm = folded_bpm(seconds / beats);
  return tempo;
}

}  // namespace stapes
