#include "audio/measure/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/audio_file.h"
#include "audio/measure/describe.h"
#include "audio/measure/synthetic_sounds.h"

namespace stapes {
namespace {

using testing::add_white_noise;
using testing::append;
using testing::append_silence;
using testing::beeps_at;
using ::testing::HasSubstr;
using testing::make_tone;

LoudnessCourse loudness_of_tone(const std::function<double(double)>& dbfs) {
  return measure(make_tone({.seconds = 1.5, .dbfs = dbfs})).loudness;
}

TEST(LoudnessCourse, SwellsAndFades) {
  EXPECT_EQ(loudness_of_tone([](double t) { return -40 + 16 * t; }).course, Course::kRises);
  EXPECT_EQ(loudness_of_tone([](double t) { return -20 - 12 * t; }).course, Course::kFalls);
  EXPECT_EQ(loudness_of_tone([](double) { return -25.0; }).course, Course::kSteady);
  EXPECT_EQ(loudness_of_tone([](double t) { return -40 + 15 * std::sin(2 * t); }).course,
            Course::kVaries);
  // A dB or two up is neither steady nor a rise that one may be sure of.
  EXPECT_EQ(loudness_of_tone([](double t) { return -25 + 1.6 * t; }).course, Course::kVaries);
}

TEST(LoudnessCourse, ChangeIsThatOfTheThirds) {
  // 20 dB up in all; the medians of the outer thirds lie at 1/6 and 5/6 of it. The quietest tenth
  // of a second may be taken for the floor, so 2.5 dB may be missing.
  EXPECT_NEAR(loudness_of_tone([](double t) { return -40 + 20 * t / 1.5; }).change_db, 20 * 2.0 / 3,
              2.5);
}

TEST(LoudnessCourse, LongSoundsDoNotHideShortOnes) {
  // Loud and long, then soft and short twice: most of what sounds is loud, but its end is not.
  AudioClip clip = make_tone(440, 1.5, -15);
  for (const double dbfs : {-25.0, -31.0}) {
    append_silence(clip, 0.25);
    append(clip, make_tone(440, 0.15, dbfs));
  }
  EXPECT_EQ(measure(clip).loudness.course, Course::kFalls);
}

TEST(LoudnessCourse, SoftSoundsBetweenLoudOnesDoNotCountAsMuch) {
  // Two breaths before a sentence of even loudness.
  AudioClip clip;
  for (int i = 0; i < 2; ++i) {
    append(clip, make_tone(200, 0.1, -45));
    append_silence(clip, 0.1);
  }
  for (int i = 0; i < 8; ++i) {
    append(clip, make_tone(200, 0.25, -20));
    append_silence(clip, 0.1);
  }
  EXPECT_EQ(measure(clip).loudness.course, Course::kSteady);
}

TEST(Brightness, OfKnownSpectra) {
  // Magnitudes 1 and 1/2 at 1000 and 2000 Hz: centroid 1333 Hz.
  EXPECT_NEAR(measure(make_tone(1000, 0.5, -20, 2)).brightness.median_hz, 1333, 60);
  EXPECT_NEAR(measure(make_tone(400, 0.5, -20, 1)).brightness.median_hz, 400, 40);
  const AudioClip rising = make_tone(
      {.seconds = 1, .hz = [](double t) { return 300 * std::exp2(2 * t); }, .harmonics = 1});
  EXPECT_EQ(measure(rising).brightness.course, Course::kRises);
}

TEST(Brightness, NoiseDoesNotBrighten) {
  AudioClip clip;
  append_silence(clip, 0.5);
  append(clip, make_tone(400, 0.5, -20, 1));
  append_silence(clip, 0.5);
  add_white_noise(clip, -50);
  EXPECT_NEAR(measure(clip).brightness.median_hz, 400, 120);
}

TEST(Measure, NothingIsMeasuredOfNothing) {
  for (const size_t samples : {0, 1, 100, 16000}) {
    const Measurement measured = measure({std::vector<float>(samples)});
    EXPECT_TRUE(measured.silent());
    EXPECT_EQ(measured.pitch_course.course, Course::kNone);
    EXPECT_EQ(measured.loudness.course, Course::kNone);
    EXPECT_FALSE(measured.tempo.steady());
    EXPECT_THAT(describe(measured), HasSubstr("nothing sounds"));
  }
}

TEST(Measure, EndOfAQuestion) {
  // Level speech that rises in its last syllable.
  AudioClip clip = make_tone(140, 0.5);
  append_silence(clip, 0.1);
  append(clip, make_tone({.seconds = 0.3, .hz = [](double t) { return 140 + 250 * t; }}));
  EXPECT_EQ(measure(clip).final_pitch.course, Course::kRises);
}

TEST(Describe, SaysWhatWasPutIn) {
  AudioClip clip = beeps_at({0.2, 0.7, 1.2, 1.7, 2.2}, 0.2, 440);
  const std::string text = describe(measure(clip));
  EXPECT_THAT(text, HasSubstr("length      2.40 s; sound from 0.2"));
  EXPECT_THAT(text, HasSubstr("digital silence between the sounds"));
  EXPECT_THAT(text, HasSubstr("440 Hz (A4)"));
  EXPECT_THAT(text, HasSubstr("tempo       120 bpm"));
  EXPECT_THAT(text, HasSubstr("sounds      5\n"));
  EXPECT_THAT(text, HasSubstr("pauses      4: 0."));
}

TEST(Describe, NotesAndSparklines) {
  EXPECT_EQ(nearest_note(440), "A4");
  EXPECT_EQ(nearest_note(261.6), "C4");
  EXPECT_EQ(nearest_note(246.9), "B3");
  EXPECT_EQ(nearest_note(8.2), "C-1");
  EXPECT_EQ(sparkline({0, 7, std::nan(""), 3.5, -9, 99}, 0, 7), "▁█ ▅▁█");
  EXPECT_EQ(sparkline({5, 5}, 5, 5), "▅▅");
}

// The recordings in samples/ were joined with pauses of 0.25 s; the counts stand in their names.
TEST(MeasureSamples, JoinedDigits) {
  struct Case {
    const char* file;
    size_t digits;
  };
  for (const auto& [file, digits] : {Case{"three-seven-one.wav", 3},
                                     Case{"five-zero-nine-two.wav", 4}, Case{"six-four.wav", 2}}) {
    const std::string path = std::string(STAPES_SOURCE_DIR) + "/samples/" + file;
    const Measurement measured = measure(load_audio_file(path));
    EXPECT_EQ(measured.pauses.size(), digits - 1) << file;
    for (const TimeSpan& pause : measured.pauses)
      // At least the 0.25 s between the files, which have silence of their own.
      EXPECT_GE(pause.seconds(), 0.22) << file;
    // Speech of adults.
    EXPECT_GT(measured.pitch_course.median_hz, 75) << file;
    EXPECT_LT(measured.pitch_course.median_hz, 300) << file;
    EXPECT_GT(measured.voiced_share, 0.3) << file;
  }
}

}  // namespace
}  // namespace stapes
