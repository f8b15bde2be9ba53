#include "audio/measure/level.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/measure/synthetic_sounds.h"

namespace stapes {
namespace {

using testing::add_white_noise;
using testing::append;
using testing::append_silence;
using testing::beeps_at;
using testing::make_tone;

TEST(Level, KnownWaves) {
  std::vector<float> square(16000, 1.0F);
  EXPECT_NEAR(level_dbfs(square), 0, 1e-6);
  EXPECT_NEAR(peak_dbfs(square), 0, 1e-6);
  const AudioClip sine = make_tone(1000, 1.0, -20, 1);
  EXPECT_NEAR(level_dbfs(sine.samples), -20, 0.1);
  EXPECT_NEAR(peak_dbfs(sine.samples), -17, 0.1);
  EXPECT_EQ(level_dbfs({}), -100);
  EXPECT_EQ(level_dbfs(std::vector<float>(100)), -100);
}

TEST(Level, ContourFollowsAStep) {
  AudioClip clip = make_tone(500, 0.5, -40, 1);
  append(clip, make_tone(500, 0.5, -10, 1));
  const LevelContour contour = measure_levels(clip.samples);
  for (size_t i = 0; i < contour.dbfs.size(); ++i) {
    const double time = LevelContour::time_s(i);
    if (time < 0.05 || time > 0.95 || (time > 0.45 && time < 0.55)) continue;
    EXPECT_NEAR(contour.dbfs[i], time < 0.5 ? -40 : -10, 1.5) << time;
  }
}

TEST(Level, RumbleIsNotHeard) {
  const LevelContour rumble = measure_levels(make_tone(15, 1.0, -10, 1).samples);
  EXPECT_LT(rumble.dbfs[rumble.dbfs.size() / 2], -28);  // 12 dB an octave for two octaves
  const LevelContour voice = measure_levels(make_tone(120, 1.0, -10, 1).samples);
  EXPECT_GT(voice.dbfs[voice.dbfs.size() / 2], -13);
}

TEST(Activity, FindsBeepsInAnyNoiseBelowThem) {
  for (const double noise_dbfs : {-200.0, -60.0, -40.0, -32.0}) {
    AudioClip clip = beeps_at({0.3, 0.8, 1.5}, 0.2, 880, 2.0);
    add_white_noise(clip, noise_dbfs);
    const Activity activity = find_activity(measure_levels(clip.samples));
    ASSERT_EQ(activity.sounding.size(), 3U) << "noise of " << noise_dbfs;
    const std::vector<double> starts = {0.3, 0.8, 1.5};
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(activity.sounding[i].start_s, starts[i], 0.015);
      EXPECT_NEAR(activity.sounding[i].end_s, starts[i] + 0.2, 0.015);
    }
  }
}

TEST(Activity, SilenceDoesNotSoundAndASteadyToneSoundsThroughout) {
  EXPECT_TRUE(find_activity(measure_levels(std::vector<float>(16000))).sounding.empty());
  EXPECT_TRUE(find_activity(measure_levels({})).sounding.empty());
  const Activity tone = find_activity(measure_levels(make_tone(300, 1.0).samples));
  ASSERT_EQ(tone.sounding.size(), 1U);
  EXPECT_NEAR(tone.sounding[0].seconds(), 1.0, 0.03);
  AudioClip quiet_hiss;
  append_silence(quiet_hiss, 1);
  add_white_noise(quiet_hiss, -75);
  EXPECT_TRUE(find_activity(measure_levels(quiet_hiss.samples)).sounding.empty());
}

TEST(Pauses, LengthAndPlace) {
  const AudioClip clip = beeps_at({0.1, 0.5, 1.6}, 0.3, 440, 3.0);
  const auto pauses = find_pauses(find_activity(measure_levels(clip.samples)));
  ASSERT_EQ(pauses.size(), 1U);  // 0.1 s between the first two is no pause; the end is none either
  EXPECT_NEAR(pauses[0].start_s, 0.8, 0.02);
  EXPECT_NEAR(pauses[0].seconds(), 0.8, 0.03);
  EXPECT_EQ(find_pauses(find_activity(measure_levels(clip.samples)), 0.05).size(), 2U);
}

}  // namespace
}  // namespace stapes
