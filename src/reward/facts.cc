#include "reward/facts.h"

#include <algorithm>
#include <cmath>

#include "world/notes.h"

namespace stapes::reward {
namespace {

// Of notes or digits. All one way: rises or falls; all the same: steady; else it varies.
Course course_of_values(const std::vector<world::Event>& events, int world::Event::*value) {
  bool up = false, down = false;
  for (size_t i = 1; i < events.size(); ++i) {
    up = up || events[i].*value > events[i - 1].*value;
    down = down || events[i].*value < events[i - 1].*value;
  }
  if (events.size() < 2) return Course::kNone;
  return up && down ? Course::kVaries
         : up       ? Course::kRises
         : down     ? Course::kFalls
                    : Course::kSteady;
}

std::vector<TimeSpan> gaps_of(const std::vector<world::Event>& events) {
  std::vector<TimeSpan> gaps;
  for (size_t i = 1; i < events.size(); ++i) {
    const TimeSpan gap{events[i - 1].end_s, events[i].start_s};
    if (gap.seconds() >= kShortestPauseSeconds) gaps.push_back(gap);
  }
  return gaps;
}

// Inter-onset times: a course where the last third of them is a tenth shorter or longer (twice the
// 5 % that listeners notice).
Course tempo_course_of(const std::vector<Sound>& sounds) {
  constexpr size_t kFewestGaps = 5;
  constexpr double kHeard = 1.1;
  std::vector<double> gaps;
  for (size_t i = 1; i < sounds.size(); ++i)
    gaps.push_back(sounds[i].span.start_s - sounds[i - 1].span.start_s);
  if (gaps.size() < kFewestGaps) return Course::kNone;
  const size_t third = gaps.size() / 3;
  const auto mean = [&](size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += gaps[i];
    return sum / static_cast<double>(end - begin);
  };
  const double first = mean(0, third), middle = mean(third, gaps.size() - third);
  const double last = mean(gaps.size() - third, gaps.size());
  if (std::max({first, middle, last}) < 1.05 * std::min({first, middle, last}))
    return Course::kSteady;
  if (first > kHeard * last && first >= middle && middle >= last) return Course::kRises;
  if (last > kHeard * first && last >= middle && middle >= first) return Course::kFalls;
  return Course::kVaries;
}

}  // namespace

Facts facts_of(const world::Truth& truth, double seconds) {
  Facts facts{.exact = true, .seconds = seconds};
  const world::ClipKind kind = truth.kind();
  facts.event_name = kind == world::ClipKind::kSpeech  ? "digit"
                     : kind == world::ClipKind::kMusic ? "note"
                                                       : "beat";
  for (const world::Event& event : truth.events)
    facts.events.push_back(
        {.span = {event.start_s, event.end_s},
         .level_db = event.level_db,
         .pitch_hz = event.midi_note >= 0 ? world::note_frequency_hz(event.midi_note) : 0,
         .digit = event.digit,
         .speaker = event.speaker});
  // A truth without times (random_truth) knows no pauses and no noise.
  const bool timed = !truth.events.empty() && truth.events.back().end_s > 0;
  if (timed) {
    facts.pauses = gaps_of(truth.events);
    facts.snr_db = truth.noise_db;
  }
  if (truth.loudness_trend != 0)
    facts.loudness = truth.loudness_trend > 0 ? Course::kRises : Course::kFalls;
  if (kind == world::ClipKind::kSpeech) {
    facts.numbers = course_of_values(truth.events, &world::Event::digit);
    return facts;
  }
  facts.timbre = truth.timbre;
  if (truth.notes_per_second > 0) facts.beat_bpm = 60 * truth.notes_per_second;
  // Melodies keep their time, and regular beats do.
  if (kind == world::ClipKind::kMusic || facts.beat_bpm) facts.tempo_course = Course::kSteady;
  if (kind != world::ClipKind::kMusic) return facts;
  facts.pitch = course_of_values(truth.events, &world::Event::midi_note);
  if (truth.loudness_trend == 0) facts.loudness = Course::kSteady;
  return facts;
}

Facts facts_of(const Measurement& measured) {
  Facts facts{.exact = false, .seconds = measured.seconds};
  for (const Sound& sound : measured.sounds)
    facts.events.push_back({.span = sound.span,
                            .level_db = sound.level_dbfs,
                            .pitch_hz = sound.pitch_hz,
                            .speaker = {}});
  facts.pitch = measured.pitch_course.course;
  facts.final_pitch = measured.final_pitch.course;
  facts.loudness = measured.loudness.course;
  facts.brightness = measured.brightness.course;
  facts.tempo_course = tempo_course_of(measured.sounds);
  if (measured.tempo.steady()) facts.beat_bpm = measured.tempo.bpm;
  // Three gaps or more of which half or fewer fit any beat.
  facts.no_beat = measured.sounds.size() >= 4 && measured.tempo.regularity <= 0.5;
  facts.pauses = measured.pauses;
  // Without pauses there is nothing to see the noise in.
  if (!measured.pauses.empty()) facts.snr_db = measured.activity.contrast_db();
  return facts;
}

}  // namespace stapes::reward
