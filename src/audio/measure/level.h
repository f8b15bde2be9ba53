// How loud a recording is over time, where it sounds and where it pauses.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace stapes {

// From first to last, in seconds from the beginning of the clip.
struct TimeSpan {
  double start_s = 0;
  double end_s = 0;
  double seconds() const { return end_s - start_s; }
};

// Levels of overlapping windows: RMS, dB relative to full scale (a full-scale square wave is 0, a
// full-scale sine is -3). Rumble below 60 Hz, which carries much of the power of wind and handling
// noise and is hardly heard, is filtered out first.
struct LevelContour {
  static constexpr double kHopSeconds = 0.005;
  static constexpr double kWindowSeconds = 0.015;
  static constexpr float kSilenceDbfs = -100;  // what digital silence reads

  std::vector<float> dbfs;  // [windows]; window i is centred at time_s(i)
  static double time_s(size_t window) {
    return static_cast<double>(window) * kHopSeconds + kWindowSeconds / 2;
  }
};

LevelContour measure_levels(std::span<const float> samples);

// Level of samples as they are (no filter), dBFS; kSilenceDbfs for nothing or silence.
double level_dbfs(std::span<const float> samples);
double peak_dbfs(std::span<const float> samples);

struct Activity {
  double noise_dbfs = 0;  // level between the sounds: of the quietest 0.1 s, or 5 % if that is less
  double loud_dbfs = 0;   // level of the loud parts: of the loudest 40 ms, or 5 % if that is less
  double threshold_dbfs = 0;  // windows above it sound
  // Not empty, ordered, at least 20 ms each, gaps of at least 15 ms between them.
  std::vector<TimeSpan> sounding;
  std::vector<bool> active;  // by window of the contour

  // Level of the sounds above what lies between them. A clip without pauses shows no noise, and has
  // 0.
  double contrast_db() const { return loud_dbfs - noise_dbfs; }
};

// The threshold lies between noise and sound: 30 % of the way in dB, at least 4 and at most 15 dB
// above the noise (so that noise's own fluctuation does not sound), and never more than 40 dB below
// the loud parts (so that the decay of a room does not). A clip of less than 6 dB contrast sounds
// throughout if it is above -60 dBFS, else not at all.
Activity find_activity(const LevelContour& levels);

// Lets sounds go on where their pitch does, below the threshold too, as long as they are 1.5 dB
// above the noise: a tone that swells out of nothing has no other floor than its own beginning. A
// pitch that stays at the level of the noise (mains hum) extends nothing.
void extend_along_pitch(Activity& activity, const LevelContour& levels,
                        std::span<const float> pitch_hz, double pitch_hop_s);

// Gaps between sounds of at least `shortest_s`; the silence before the first and after the last
// sound is not among them. 0.15 s by default: closures inside of words ("six", "eight") last up to
// 0.12 s and are not heard as pauses.
inline constexpr double kShortestPauseSeconds = 0.15;
std::vector<TimeSpan> find_pauses(const Activity& activity,
                                  double shortest_s = kShortestPauseSeconds);

}  // namespace stapes
