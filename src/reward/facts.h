// What is known about a clip, however it is known: from the world that made it, or by measuring.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audio/measure/measure.h"
#include "world/world.h"

namespace stapes::reward {

struct Facts {
  struct Event {
    TimeSpan span;
    double level_db = 0;  // RMS
    double pitch_hz = 0;  // 0: none, or not known
    int digit = -1;       // -1: not known
    std::string speaker;  // empty: not known
  };
  bool exact = false;  // by construction: tolerances are those of wording, not of measuring
  double seconds = 0;
  std::vector<Event> events = {};
  // What the events are certain to be: "digit", "note" or "beat"; empty where only sounds are
  // known, one of which may be half a word.
  std::string event_name = {};
  // Course::kNone: not known.
  Course pitch = Course::kNone, final_pitch = Course::kNone, loudness = Course::kNone;
  Course tempo_course = Course::kNone, brightness = Course::kNone;
  Course numbers = Course::kNone;       // of the spoken digits' values
  std::optional<double> beat_bpm = {};  // up to factors of two
  bool no_beat = false;                 // known to keep none
  // Between events, of 0.15 s or longer; nothing: not known.
  std::optional<std::vector<TimeSpan>> pauses = {};
  std::string timbre = {};            // empty: not known
  std::optional<double> snr_db = {};  // sound above noise; infinite: none; nothing: not known
};

// `seconds`: of the clip, which the truth does not hold; 0: not known.
Facts facts_of(const world::Truth& truth, double seconds = 0);
Facts facts_of(const Measurement& measured);

// The sources for one clip, best first; each claim is decided by the first that can.
using Evidence = std::vector<Facts>;

}  // namespace stapes::reward
