#include "reward/facts.h"

#include <algorithm>
#include <cmath>

#include "world/notes.h"

namespace stapes::reward {
namespace {

// All one way: rises or falls; all the same: steady; else it varies.
Course course_of_notes(const std::vector<world::Event>& events) {
  bool up = false, down = false;
  for (size_t i = 1; i < events.size(); ++i) {
    up = up || events[i].midi_note > events[i - 1].midi_note;
    down = down || events[i].midi_note < events[i - 1].midi_note;
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
  const bool speech = truth.is_speech();
  facts.event_name = speech ? "digit" : "note";
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
  if (speech) return facts;
  facts.pitch = course_of_notes(truth.events);
  facts.loudness = truth.loudness_trend > 0   ? Course::kRises
                   : truth.loudness_trend < 0 ? Course::kFalls
                                              : Course::kSteady;
  facts.tempo_course = Course::kSteady;  // the world's notes come at equal times
  if (truth.notes_per_second > 0) facts.beat_bpm = 60 * truth.notes_per_second;
  facts.timbre = truth.timbre;
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
