// The fundamental frequency over time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "audio/measure/level.h"

namespace stapes {

inline constexpr double kLowestPitchHz = 60;
inline constexpr double kHighestPitchHz = 2000;

struct PitchContour {
  static constexpr double kHopSeconds = 0.01;

  std::vector<float> hz;  // [frames]; 0: no pitch (silence, noise, an unvoiced consonant)
  static double time_s(size_t frame) { return static_cast<double>(frame) * kHopSeconds; }
};

// YIN (de Cheveigne and Kawahara, JASA 2002): the cumulative mean normalized difference function of
// 25 ms windows, whose dips are candidates. Which dip of each frame is taken, or none, is decided
// for the whole clip by dynamic programming, so that single frames do not jump by octaves: a dip
// costs its height and a little for each octave down, a jump costs by its size in octaves up to a
// limit (melodies leap), and so does each begin and end of voicing. Frames at the level of the
// noise, or 40 dB below the loud parts, have no pitch. Above 500 Hz a dip must have a fifth
// of the energy in its first three harmonics, and it counts an octave higher if its odd ones are
// missing: near 2 kHz the lags are too coarse to dip deeply. Memory: about 100 bytes for 10 ms.
PitchContour measure_pitch(std::span<const float> samples, const LevelContour& levels,
                           const Activity& activity);

// Takes the pitch of frames that do not sound.
void keep_sounding(PitchContour& contour, const Activity& activity);

// Semitones from A4 = 440 Hz (MIDI note number minus 69).
double semitones_of(double hz);

// Median pitch in [start_s, end_s), Hz; 0 where less than a fifth of the frames have a pitch.
double median_pitch_hz(const PitchContour& contour, const TimeSpan& span);

// The course of pitch over the voiced frames of a span.
enum class Course { kNone, kRises, kFalls, kSteady, kVaries };
struct PitchCourse {
  Course course = Course::kNone;  // kNone: fewer than 8 voiced frames
  double change_semitones = 0;    // median of the last third less that of the first third
  double median_hz = 0;
  double low_hz = 0, high_hz = 0;  // 5th and 95th percentile
};
// Steady: 90 % of the frames within 1 semitone (natural vibrato stays inside that), and no change
// over 0.7. Rises, falls: the thirds differ by 1.5 semitones or more (changes below 1.5 are easily
// missed in speech; 't Hart, JASA 1981) and the middle third's median lies between them, give or
// take half a semitone. Anything else varies; so does what jumps by an octave within 20 ms, which
// may be the measurement's fault.
PitchCourse course_of(const PitchContour& contour, const TimeSpan& span);

}  // namespace stapes
