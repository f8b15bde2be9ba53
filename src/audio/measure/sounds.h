// The single sounds of a recording, and the beat they keep.
#pragma once

#include <span>
#include <vector>

#include "audio/measure/level.h"
#include "audio/measure/pitch.h"
#include "audio/measure/spectrum.h"

namespace stapes {

// One beep, note, knock or word: a stretch of sound without a gap of 15 ms or an onset in it.
struct Sound {
  TimeSpan span;
  double level_dbfs = 0;   // RMS of the span
  double pitch_hz = 0;     // median; 0: no pitch
  double centroid_hz = 0;  // median
};

// Stretches of activity, cut where the spectrum suddenly changes: at peaks of the novelty at least
// 50 ms from both ends and from each other that stand out of the sound around them, and at which
// either the pitch changes by 0.7 semitone or more (from one steady stretch to another; glides are
// one sound) or the level rises by 6 dB within 30 ms with a pitch on both sides or on none (a
// string plucked again, a second knock; a consonant and its vowel are one sound).
std::vector<Sound> find_sounds(std::span<const float> samples, const LevelContour& levels,
                               const Activity& activity, const PitchContour& pitch,
                               const SpectralCourse& spectrum);

// A beat that the sounds keep.
struct Tempo {
  double bpm = 0;         // 0: no steady beat
  double regularity = 0;  // share of the gaps between onsets that are one or two beats
  bool steady() const { return bpm > 0; }
};
// From the onsets alone. A gap is k beats if it differs from that by at most 5 % (what listeners
// notice; Friberg and Sundberg, JASA 1995) and 8 ms (what an onset is measured to). The beat is the
// gap that most others are one or two of, at least half of them one; steady if 80 % of three gaps
// or more are. Then the period is fitted to all of these, and halved or doubled into 45 to 240 bpm:
// a beat and its double cannot be told apart by onsets, so compare up to factors of two.
Tempo find_tempo(std::span<const Sound> sounds);

}  // namespace stapes
