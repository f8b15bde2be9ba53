#include "audio/measure/pitch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "stapes/audio.h"

namespace stapes {
namespace {

constexpr size_t kHop = static_cast<size_t>(PitchContour::kHopSeconds * kSampleRateHz);
constexpr size_t kWindow = 400;
constexpr size_t kFirstLag = static_cast<size_t>(kSampleRateHz / kHighestPitchHz);
constexpr size_t kLastLag = static_cast<size_t>(kSampleRateHz / kLowestPitchHz) + 1;

// Costs of the search, in units of the normalized difference (0: exactly periodic, 1: not at all).
constexpr float kHighestDip = 0.5F;
constexpr float kOctaveDownCost = 0.018F;
constexpr float kUnvoicedCost = 0.42F;
constexpr float kJumpCostPerOctave = 0.4F, kMostJumpCost = 0.3F;
constexpr float kVoicingCost = 0.12F;

struct Candidate {
  float hz = 0;  // 0: unvoiced
  float cost = kUnvoicedCost;
};
constexpr size_t kMostCandidates = 6;  // the unvoiced one included
struct FrameCandidates {
  std::array<Candidate, kMostCandidates> items;
  size_t count = 1;  // items[0] is the unvoiced one
};

using Difference = std::array<float, kLastLag + 2>;

constexpr size_t kReach = kWindow + kLastLag + 1;

// d'(lag) of the kReach samples from `begin`. The two windows of a lag lie around their middle, so
// that short and long lags speak about the same time.
void normalized_difference(const float* begin, Difference& difference) {
  difference[0] = 1;
  double sum = 0;
  for (size_t lag = 1; lag < difference.size(); ++lag) {
    const float* x = begin + (kReach - kWindow - lag) / 2;
    float d = 0;
    for (size_t i = 0; i < kWindow; ++i) {
      const float step = x[i] - x[i + lag];
      d += step * step;
    }
    sum += static_cast<double>(d);
    difference[lag] =
        sum > 0 ? static_cast<float>(static_cast<double>(d) * static_cast<double>(lag) / sum)
                : 1.0F;
  }
}

// Shares of the energy of the frame's middle 512 samples, by Goertzel's algorithm.
class HarmonicShares {
 public:
  explicit HarmonicShares(const float* begin) {
    for (size_t i = 0; i < kCount; ++i) {
      const double window =
          0.5 - 0.5 * std::cos(2 * std::numbers::pi * (static_cast<double>(i) + 0.5) / kCount);
      samples_[i] = window * static_cast<double>(begin[(kReach - kCount) / 2 + i]);
      energy_ += samples_[i] * samples_[i];
    }
  }
  // Of a steady sine at `hz` this is 1.
  double at(double hz) const {
    if (energy_ <= 0 || hz >= kSampleRateHz / 2.0) return 0;
    const double coefficient = 2 * std::cos(2 * std::numbers::pi * hz / kSampleRateHz);
    double s1 = 0, s2 = 0;
    for (const double sample : samples_) {
      const double s = sample + coefficient * s1 - s2;
      s2 = s1;
      s1 = s;
    }
    return 3 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2) / (kCount * energy_);
  }

 private:
  static constexpr size_t kCount = 512;
  std::array<double, kCount> samples_{};
  double energy_ = 0;
};

// A dip of a high pitch may belong to a higher one whose period is a fraction of it: the lags there
// are too coarse to dip deeply, and hissing near 4 kHz dips at twice and four times its period. The
// pitch that it stands for; 0 for none in our range.
double settled_pitch(double hz, const float* begin) {
  constexpr double kFrom = 500, kOddShare = 0.01, kLowShare = 0.2;
  if (hz < kFrom) return hz;
  const HarmonicShares shares(begin);
  const double first = shares.at(hz), second = shares.at(2 * hz), third = shares.at(3 * hz);
  if (first + second + third < kLowShare) return 0;
  if (first + third >= kOddShare * second) return hz;
  return 2 * hz <= kHighestPitchHz * 1.05 ? 2 * hz : 0;
}

// Dips refined by the parabola through three lags; the lowest are kept.
FrameCandidates candidates_of(const Difference& difference, const float* begin) {
  FrameCandidates found;
  for (size_t lag = std::max<size_t>(kFirstLag, 2); lag <= kLastLag; ++lag) {
    const float before = difference[lag - 1], here = difference[lag], after = difference[lag + 1];
    if (here > before || here >= after) continue;
    const float curve = before - 2 * here + after;
    const float shift = curve > 0 ? 0.5F * (before - after) / curve : 0.0F;
    const float height = std::max(0.0F, here - 0.25F * (before - after) * shift);
    if (height > kHighestDip) continue;
    float hz = static_cast<float>(kSampleRateHz) / (static_cast<float>(lag) + shift);
    hz = static_cast<float>(settled_pitch(static_cast<double>(hz), begin));
    if (hz <= 0) continue;
    const float octaves = std::max(0.0F, std::log2(static_cast<float>(kHighestPitchHz) / hz));
    const Candidate candidate{hz, height + kOctaveDownCost * octaves};
    if (found.count < kMostCandidates) {
      found.items[found.count++] = candidate;
      continue;
    }
    const auto worst =
        std::max_element(found.items.begin() + 1, found.items.end(),
                         [](const Candidate& a, const Candidate& b) { return a.cost < b.cost; });
    if (candidate.cost < worst->cost) *worst = candidate;
  }
  return found;
}

float transition_cost(const Candidate& from, const Candidate& to) {
  if (from.hz == 0 && to.hz == 0) return 0;
  if (from.hz == 0 || to.hz == 0) return kVoicingCost;
  return std::min(kMostJumpCost, kJumpCostPerOctave * std::abs(std::log2(to.hz / from.hz)));
}

// The cheapest way through the candidates of all frames (Viterbi).
std::vector<float> best_path(const std::vector<FrameCandidates>& frames) {
  if (frames.empty()) return {};
  std::vector<std::array<uint8_t, kMostCandidates>> came_from(frames.size());
  std::array<float, kMostCandidates> costs{};
  for (size_t c = 0; c < frames[0].count; ++c) costs[c] = frames[0].items[c].cost;
  for (size_t f = 1; f < frames.size(); ++f) {
    std::array<float, kMostCandidates> next{};
    for (size_t c = 0; c < frames[f].count; ++c) {
      next[c] = std::numeric_limits<float>::max();
      for (size_t p = 0; p < frames[f - 1].count; ++p) {
        const float cost = costs[p] + transition_cost(frames[f - 1].items[p], frames[f].items[c]);
        if (cost >= next[c]) continue;
        next[c] = cost;
        came_from[f][c] = static_cast<uint8_t>(p);
      }
      next[c] += frames[f].items[c].cost;
    }
    costs = next;
  }
  const auto last_count = static_cast<std::ptrdiff_t>(frames.back().count);
  auto best = static_cast<size_t>(std::min_element(costs.begin(), costs.begin() + last_count) -
                                  costs.begin());
  std::vector<float> path(frames.size());
  for (size_t f = frames.size(); f-- > 0;) {
    path[f] = frames[f].items[best].hz;
    best = came_from[f][best];
  }
  return path;
}

size_t level_window_at(double time_s) {
  const double window = (time_s - LevelContour::kWindowSeconds / 2) / LevelContour::kHopSeconds;
  return static_cast<size_t>(std::max(0.0, std::round(window)));
}

// Semitones of the voiced frames in a span, in order of time.
std::vector<double> voiced_semitones(const PitchContour& contour, const TimeSpan& span) {
  std::vector<double> semitones;
  for (size_t f = 0; f < contour.hz.size(); ++f) {
    const double time = PitchContour::time_s(f);
    if (contour.hz[f] > 0 && time >= span.start_s && time < span.end_s)
      semitones.push_back(semitones_of(static_cast<double>(contour.hz[f])));
  }
  return semitones;
}

// From one frame to the next, or over one frame without pitch, by an octave: more often a wrong
// octave than a leap.
bool jumps_by_an_octave(const PitchContour& contour, const TimeSpan& span) {
  constexpr double kLow = 11, kHigh = 13;
  const auto frame_at = [&](double time_s) {
    const double frame = std::ceil(time_s / PitchContour::kHopSeconds - 1e-9);
    return std::min(static_cast<size_t>(std::max(0.0, frame)), contour.hz.size());
  };
  for (size_t f = frame_at(span.start_s); f + 1 < frame_at(span.end_s); ++f) {
    const size_t next = contour.hz[f + 1] > 0 || f + 2 >= contour.hz.size() ? f + 1 : f + 2;
    if (contour.hz[f] <= 0 || contour.hz[next] <= 0) continue;
    const double step = std::abs(
        12 * std::log2(static_cast<double>(contour.hz[next]) / static_cast<double>(contour.hz[f])));
    if (step > kLow && step < kHigh) return true;
  }
  return false;
}

double quantile(std::vector<double> values, double share) {
  const auto place =
      values.begin() +
      static_cast<std::ptrdiff_t>(std::lround(share * static_cast<double>(values.size() - 1)));
  std::ranges::nth_element(values, place);
  return *place;
}

double hz_of(double semitones) {
  return 440 * std::exp2(semitones / 12);
}

Course classify(double first, double middle, double last, double range) {
  constexpr double kSteadyRange = 2, kSteadyChange = 0.7, kHeardChange = 1.5, kSlack = 0.5;
  const double change = last - first;
  if (range <= kSteadyRange && std::abs(change) <= kSteadyChange) return Course::kSteady;
  const bool between =
      middle >= std::min(first, last) - kSlack && middle <= std::max(first, last) + kSlack;
  if (!between || std::abs(change) < kHeardChange) return Course::kVaries;
  return change > 0 ? Course::kRises : Course::kFalls;
}

}  // namespace

double semitones_of(double hz) {
  return 12 * std::log2(hz / 440);
}

PitchContour measure_pitch(std::span<const float> samples, const LevelContour& levels,
                           const Activity& activity) {
  // Centred frames: half of the analysed stretch lies before the frame's time.
  constexpr size_t kBefore = kReach / 2;
  std::vector<float> padded(kBefore, 0.0F);
  padded.insert(padded.end(), samples.begin(), samples.end());
  padded.resize(padded.size() + kReach, 0.0F);

  constexpr double kAboveNoiseDb = 1.5, kBelowLoudDb = 40;
  const double gate_dbfs =
      activity.sounding.empty()
          ? std::numeric_limits<double>::infinity()
          : std::min(activity.threshold_dbfs, std::max(activity.noise_dbfs + kAboveNoiseDb,
                                                       activity.loud_dbfs - kBelowLoudDb));
  std::vector<FrameCandidates> frames((samples.size() + kHop - 1) / kHop);
  Difference difference{};
  for (size_t f = 0; f < frames.size(); ++f) {
    const size_t window = level_window_at(PitchContour::time_s(f));
    if (window >= levels.dbfs.size() || static_cast<double>(levels.dbfs[window]) < gate_dbfs)
      continue;
    normalized_difference(padded.data() + f * kHop, difference);
    frames[f] = candidates_of(difference, padded.data() + f * kHop);
  }
  return {best_path(frames)};
}

void keep_sounding(PitchContour& contour, const Activity& activity) {
  for (size_t f = 0; f < contour.hz.size(); ++f) {
    const size_t window = level_window_at(PitchContour::time_s(f));
    if (window >= activity.active.size() || !activity.active[window]) contour.hz[f] = 0;
  }
}

double median_pitch_hz(const PitchContour& contour, const TimeSpan& span) {
  const std::vector<double> voiced = voiced_semitones(contour, span);
  const double frames = span.seconds() / PitchContour::kHopSeconds;
  if (voiced.empty() || static_cast<double>(voiced.size()) < 0.2 * frames) return 0;
  return hz_of(quantile(voiced, 0.5));
}

PitchCourse course_of(const PitchContour& contour, const TimeSpan& span) {
  constexpr size_t kFewestFrames = 8;
  const std::vector<double> voiced = voiced_semitones(contour, span);
  if (voiced.size() < kFewestFrames) return {};
  const auto third = static_cast<std::ptrdiff_t>(voiced.size() / 3);
  const double first = quantile({voiced.begin(), voiced.begin() + third}, 0.5);
  const double middle = quantile({voiced.begin() + third, voiced.end() - third}, 0.5);
  const double last = quantile({voiced.end() - third, voiced.end()}, 0.5);
  const double low = quantile(voiced, 0.05), high = quantile(voiced, 0.95);
  Course course = classify(first, middle, last, high - low);
  if (course != Course::kSteady && jumps_by_an_octave(contour, span)) course = Course::kVaries;
  return {.course = course,
          .change_semitones = last - first,
          .median_hz = hz_of(quantile(voiced, 0.5)),
          .low_hz = hz_of(low),
          .high_hz = hz_of(high)};
}

}  // namespace stapes
