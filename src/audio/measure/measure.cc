#include "audio/measure/measure.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace stapes {
namespace {

constexpr double kHeardDb = 3;
constexpr double kHeardOctaves = 1.0 / 3;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

struct Thirds {
  double first, middle, last;
};
// Medians of the thirds of at least three values.
Thirds thirds_of(const std::vector<double>& values) {
  const auto third = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(values.size() / 3));
  return {median({values.begin(), values.begin() + third}),
          median({values.begin() + third, values.end() - third}),
          median({values.end() - third, values.end()})};
}

Course classify(const Thirds& thirds, double heard) {
  const double change = thirds.last - thirds.first;
  const auto [low, high] = std::minmax({thirds.first, thirds.middle, thirds.last});
  if (high - low < heard / 2) return Course::kSteady;
  const bool between = thirds.middle >= std::min(thirds.first, thirds.last) - heard / 2 &&
                       thirds.middle <= std::max(thirds.first, thirds.last) + heard / 2;
  if (!between || std::abs(change) < heard) return Course::kVaries;
  return change > 0 ? Course::kRises : Course::kFalls;
}

// Mean power of the sounding windows in each third of the time from the first to the last sound,
// dB; a third without sound lies between its neighbours.
std::optional<Thirds> levels_of_thirds(const Measurement& measured) {
  constexpr double kShortestSeconds = 0.2;
  const auto& sounding = measured.activity.sounding;
  if (sounding.empty()) return std::nullopt;
  const double begin = sounding.front().start_s;
  const double length = sounding.back().end_s - begin;
  if (length < kShortestSeconds) return std::nullopt;
  std::array<double, 3> power{}, windows{};
  for (size_t i = 0; i < measured.activity.active.size(); ++i) {
    if (!measured.activity.active[i]) continue;
    const double place = 3 * (LevelContour::time_s(i) - begin) / length;
    const auto third = static_cast<size_t>(std::clamp(place, 0.0, 2.0));
    power[third] += std::pow(10, static_cast<double>(measured.levels.dbfs[i]) / 10);
    windows[third] += 1;
  }
  if (windows[0] == 0 || windows[2] == 0) return std::nullopt;
  const auto level = [&](size_t third) { return 10 * std::log10(power[third] / windows[third]); };
  return Thirds{level(0), windows[1] > 0 ? level(1) : (level(0) + level(2)) / 2, level(2)};
}

LoudnessCourse loudness_of(const Measurement& measured) {
  const auto thirds = levels_of_thirds(measured);
  if (!thirds) return {};
  return {classify(*thirds, kHeardDb), thirds->last - thirds->first};
}

BrightnessCourse brightness_of(const Measurement& measured) {
  constexpr size_t kFewestWindows = 40;
  std::vector<double> octaves;
  for (const float hz : measured.spectrum.centroid_hz)
    if (hz > 0) octaves.push_back(std::log2(static_cast<double>(hz)));
  if (octaves.empty()) return {};
  BrightnessCourse brightness{.median_hz = std::exp2(median(octaves))};
  if (octaves.size() < kFewestWindows) return brightness;
  const Thirds thirds = thirds_of(octaves);
  brightness.course = classify(thirds, kHeardOctaves);
  brightness.change_octaves = thirds.last - thirds.first;
  return brightness;
}

// The last run of voiced frames of at least 0.1 s; gaps of one frame do not end it.
TimeSpan last_voiced_stretch(const PitchContour& pitch) {
  constexpr size_t kFewestFrames = 10;
  size_t end = pitch.hz.size();
  while (end > 0) {
    while (end > 0 && pitch.hz[end - 1] == 0) --end;
    size_t begin = end;
    while (begin > 0 && (pitch.hz[begin - 1] > 0 || (begin > 1 && pitch.hz[begin - 2] > 0)))
      --begin;
    if (end - begin >= kFewestFrames)
      return {PitchContour::time_s(begin), PitchContour::time_s(end)};
    end = begin;
  }
  return {};
}

double voiced_share(const Measurement& measured) {
  size_t voiced = 0;
  for (const float hz : measured.pitch.hz) voiced += hz > 0 ? 1 : 0;
  double sounding_s = 0;
  for (const TimeSpan& span : measured.activity.sounding) sounding_s += span.seconds();
  if (sounding_s <= 0) return 0;
  return std::min(1.0, static_cast<double>(voiced) * PitchContour::kHopSeconds / sounding_s);
}

}  // namespace

Measurement measure(const AudioClip& clip) {
  const auto& samples = clip.samples;
  Measurement measured;
  measured.seconds = clip.seconds();
  measured.level_dbfs = level_dbfs(samples);
  measured.peak_dbfs = peak_dbfs(samples);
  measured.levels = measure_levels(samples);
  measured.activity = find_activity(measured.levels);
  measured.pitch = measure_pitch(samples, measured.levels, measured.activity);
  extend_along_pitch(measured.activity, measured.levels, measured.pitch.hz,
                     PitchContour::kHopSeconds);
  keep_sounding(measured.pitch, measured.activity);
  measured.pauses = find_pauses(measured.activity);
  measured.pitch_course = course_of(measured.pitch, {0, measured.seconds});
  measured.voiced_share = voiced_share(measured);
  measured.final_pitch = course_of(measured.pitch, last_voiced_stretch(measured.pitch));
  measured.spectrum = measure_spectrum(samples, measured.activity);
  measured.sounds =
      find_sounds(samples, measured.levels, measured.activity, measured.pitch, measured.spectrum);
  measured.tempo = find_tempo(measured.sounds);
  measured.loudness = loudness_of(measured);
  measured.brightness = brightness_of(measured);
  return measured;
}

const char* name(Course course) {
  switch (course) {
    case Course::kNone:
      return "none";
    case Course::kRises:
      return "rises";
    case Course::kFalls:
      return "falls";
    case Course::kSteady:
      return "steady";
    case Course::kVaries:
      return "varies";
  }
  return "none";
}

}  // namespace stapes
