// Acoustic measurements of any recording: what a chain of thought about it can be held against.
// Nothing here knows words or meanings; what it says of the synthetic world is tested against that
// world's exact truth, and docs/grounding.md says how well it does.
#pragma once

#include <vector>

#include "audio/measure/level.h"
#include "audio/measure/pitch.h"
#include "audio/measure/sounds.h"
#include "audio/measure/spectrum.h"
#include "stapes/audio.h"

namespace stapes {

// By the mean power of what sounds in each third of the time between first and last sound. Loudness
// rises or falls where the last third differs from the first by 3 dB or more (what untrained
// listeners call louder or softer with certainty; the just noticeable difference is near 1 dB) and
// the middle third lies between, give or take 1.5 dB. Steady: no two thirds differ by 1.5 dB or
// more.
struct LoudnessCourse {
  Course course = Course::kNone;  // kNone: nothing sounds for 0.2 s or longer
  double change_db = 0;           // last third less first third
};

// By the medians of the spectral centroid in each third of what sounds, with a third of an octave
// in place of 3 dB.
struct BrightnessCourse {
  Course course = Course::kNone;
  double median_hz = 0;       // of the centroid
  double change_octaves = 0;  // last third less first third
};

struct Measurement {
  double seconds = 0;
  double level_dbfs = 0;  // RMS of the whole clip
  double peak_dbfs = 0;
  LevelContour levels;
  Activity activity;
  std::vector<TimeSpan> pauses;  // between sounds, of 0.15 s or longer
  PitchContour pitch;
  PitchCourse pitch_course;  // of the whole clip
  double voiced_share = 0;   // of the sounding frames that have a pitch
  // From the last voiced stretch of 0.1 s or longer: how a sentence ends.
  PitchCourse final_pitch;
  SpectralCourse spectrum;
  std::vector<Sound> sounds;
  Tempo tempo;
  LoudnessCourse loudness;
  BrightnessCourse brightness;

  bool silent() const { return sounds.empty(); }
};

// A clip may be empty. Samples must be finite. Memory: some 20 kB for a second of sound.
Measurement measure(const AudioClip& clip);

const char* name(Course course);  // "rises", "falls", "steady", "varies", "none"

}  // namespace stapes
