#include "audio/measure/level.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "stapes/audio.h"

namespace stapes {
namespace {

constexpr double kRumbleHz = 60;
constexpr size_t kHop = static_cast<size_t>(LevelContour::kHopSeconds * kSampleRateHz);
constexpr size_t kWindow = static_cast<size_t>(LevelContour::kWindowSeconds * kSampleRateHz);
constexpr double kShortestSoundSeconds = 0.02;
constexpr double kShortestGapSeconds = 0.015;

double to_dbfs(double mean_power) {
  const double db = 10 * std::log10(std::max(mean_power, 1e-20));
  return std::max(db, static_cast<double>(LevelContour::kSilenceDbfs));
}

// Second-order Butterworth high-pass (bilinear transform).
std::vector<float> without_rumble(std::span<const float> samples) {
  const double k = std::tan(std::numbers::pi * kRumbleHz / kSampleRateHz);
  const double norm = 1 / (1 + std::numbers::sqrt2 * k + k * k);
  const double a1 = 2 * (k * k - 1) * norm;
  const double a2 = (1 - std::numbers::sqrt2 * k + k * k) * norm;
  std::vector<float> filtered(samples.size());
  double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double x = samples[i];
    const double y = norm * (x - 2 * x1 + x2) - a1 * y1 - a2 * y2;
    x2 = x1;
    x1 = x;
    y2 = y1;
    y1 = y;
    filtered[i] = static_cast<float>(y);
  }
  return filtered;
}

// The value of this rank from below.
float ranked(std::vector<float> values, size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::ranges::nth_element(values, place);
  return *place;
}

double threshold_of(const Activity& activity) {
  constexpr double kQuiet = -60, kFlatDb = 6, kShare = 0.3, kLeast = 4, kMost = 15, kDecayDb = 40;
  if (activity.contrast_db() < kFlatDb)
    return activity.loud_dbfs > kQuiet ? activity.noise_dbfs - kFlatDb
                                       : std::numeric_limits<double>::infinity();
  const double above_noise = std::clamp(kShare * activity.contrast_db(), kLeast, kMost);
  return std::max(activity.noise_dbfs + above_noise, activity.loud_dbfs - kDecayDb);
}

// Sets runs of `value` that are shorter than `shortest_s` to its opposite; inner runs only.
void drop_short_runs(std::vector<bool>& active, bool value, double shortest_s) {
  const auto shortest = static_cast<size_t>(std::ceil(shortest_s / LevelContour::kHopSeconds));
  for (size_t begin = 0; begin < active.size();) {
    size_t end = begin;
    while (end < active.size() && active[end] == active[begin]) ++end;
    const bool inner = begin > 0 && end < active.size();
    if (active[begin] == value && end - begin < shortest && (inner || value))
      std::fill(active.begin() + static_cast<std::ptrdiff_t>(begin),
                active.begin() + static_cast<std::ptrdiff_t>(end), !value);
    begin = end;
  }
}

std::vector<TimeSpan> spans_of(const std::vector<bool>& active) {
  std::vector<TimeSpan> spans;
  for (size_t i = 0; i < active.size(); ++i) {
    if (!active[i]) continue;
    // A window sounds from its centre, give or take a hop.
    if (i == 0 || !active[i - 1]) spans.push_back({LevelContour::time_s(i), 0});
    spans.back().end_s = LevelContour::time_s(i);
  }
  return spans;
}

}  // namespace

LevelContour measure_levels(std::span<const float> samples) {
  const std::vector<float> heard = without_rumble(samples);
  LevelContour contour;
  for (size_t begin = 0; begin + kWindow <= heard.size(); begin += kHop) {
    double energy = 0;
    for (size_t i = begin; i < begin + kWindow; ++i)
      energy += static_cast<double>(heard[i]) * heard[i];
    contour.dbfs.push_back(static_cast<float>(to_dbfs(energy / kWindow)));
  }
  return contour;
}

double level_dbfs(std::span<const float> samples) {
  double energy = 0;
  for (const float sample : samples) energy += static_cast<double>(sample) * sample;
  return to_dbfs(samples.empty() ? 0 : energy / static_cast<double>(samples.size()));
}

double peak_dbfs(std::span<const float> samples) {
  double peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::abs(static_cast<double>(sample)));
  return to_dbfs(peak * peak);
}

Activity find_activity(const LevelContour& levels) {
  Activity activity;
  activity.active.resize(levels.dbfs.size());
  if (levels.dbfs.empty()) {
    activity.noise_dbfs = activity.loud_dbfs = LevelContour::kSilenceDbfs;
    return activity;
  }
  // A short pause or a single click must show in a clip of any length: ranks, and not only shares.
  constexpr size_t kQuietWindows = 20, kLoudWindows = 8;
  const size_t count = levels.dbfs.size(), twentieth = count / 20;
  activity.noise_dbfs = ranked(levels.dbfs, std::min(twentieth, kQuietWindows));
  activity.loud_dbfs = ranked(levels.dbfs, count - 1 - std::min(twentieth, kLoudWindows));
  activity.threshold_dbfs = threshold_of(activity);
  for (size_t i = 0; i < levels.dbfs.size(); ++i)
    activity.active[i] = levels.dbfs[i] > activity.threshold_dbfs;
  drop_short_runs(activity.active, false, kShortestGapSeconds);
  drop_short_runs(activity.active, true, kShortestSoundSeconds);
  activity.sounding = spans_of(activity.active);
  return activity;
}

void extend_along_pitch(Activity& activity, const LevelContour& levels,
                        std::span<const float> pitch_hz, double pitch_hop_s) {
  constexpr double kAboveNoiseDb = 1.5, kMostStepOctaves = 1.0 / 12;
  const auto pitch_at = [&](size_t window) {
    const auto frame = static_cast<size_t>(std::lround(LevelContour::time_s(window) / pitch_hop_s));
    return frame < pitch_hz.size() ? static_cast<double>(pitch_hz[frame]) : 0.0;
  };
  const auto goes_on = [&](size_t from, size_t to) {
    const double before = pitch_at(from), after = pitch_at(to);
    return !activity.active[to] && before > 0 && after > 0 &&
           std::abs(std::log2(after / before)) <= kMostStepOctaves &&
           static_cast<double>(levels.dbfs[to]) >= activity.noise_dbfs + kAboveNoiseDb;
  };
  const size_t count = activity.active.size();
  for (size_t i = 1; i < count; ++i)
    if (activity.active[i - 1] && goes_on(i - 1, i)) activity.active[i] = true;
  for (size_t i = count; i-- > 1;)
    if (activity.active[i] && goes_on(i, i - 1)) activity.active[i - 1] = true;
  activity.sounding = spans_of(activity.active);
}

std::vector<TimeSpan> find_pauses(const Activity& activity, double shortest_s) {
  std::vector<TimeSpan> pauses;
  for (size_t i = 1; i < activity.sounding.size(); ++i) {
    const TimeSpan gap{activity.sounding[i - 1].end_s, activity.sounding[i].start_s};
    if (gap.seconds() >= shortest_s) pauses.push_back(gap);
  }
  return pauses;
}

}  // namespace stapes
