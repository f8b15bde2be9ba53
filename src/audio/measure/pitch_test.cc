#include "audio/measure/pitch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "audio/measure/synthetic_sounds.h"

namespace stapes {
namespace {

using testing::add_white_noise;
using testing::append;
using testing::append_silence;
using testing::make_tone;

struct Measured {
  Activity activity;
  PitchContour pitch;
};

Measured pitch_of(const AudioClip& clip) {
  const LevelContour levels = measure_levels(clip.samples);
  Measured measured{find_activity(levels), {}};
  measured.pitch = measure_pitch(clip.samples, levels, measured.activity);
  return measured;
}

double error_cents(double hz, double truth_hz) {
  return 1200 * std::log2(hz / truth_hz);
}

TEST(Pitch, SteadyTonesOfTheWholeRangeWithinTenCents) {
  for (const int harmonics : {1, 2, 8})
    for (const double hz :
         {70.0, 98.0, 131.0, 220.0, 333.3, 523.25, 880.0, 1046.5, 1500.0, 1900.0}) {
      const Measured measured = pitch_of(make_tone(hz, 0.5, -20, harmonics));
      const double median = median_pitch_hz(measured.pitch, {0, 0.5});
      ASSERT_GT(median, 0) << hz << " Hz, " << harmonics << " harmonics";
      EXPECT_LT(std::abs(error_cents(median, hz)), 10)
          << median << " for " << hz << " Hz, " << harmonics << " harmonics";
    }
}

TEST(Pitch, MissingFundamentalIsStillThePitch) {
  // Harmonics 2 to 5 of 150 Hz, as a telephone leaves them.
  AudioClip clip = make_tone(150, 0.5);
  const AudioClip fundamental = make_tone(150, 0.5, -20, 1);
  for (size_t i = 0; i < clip.samples.size(); ++i) clip.samples[i] -= fundamental.samples[i];
  const double median = median_pitch_hz(pitch_of(clip).pitch, {0, 0.5});
  EXPECT_LT(std::abs(error_cents(median, 150)), 15) << median;
}

TEST(Pitch, NoOctaveErrorsInNoise) {
  for (const double noise_dbfs : {-50.0, -35.0, -30.0}) {
    for (const double hz : {100.0, 261.6, 784.0}) {
      AudioClip clip = make_tone(hz, 1.0);
      add_white_noise(clip, noise_dbfs);
      const PitchContour pitch = pitch_of(clip).pitch;
      size_t right = 0, voiced = 0;
      for (const float found : pitch.hz) {
        if (found == 0) continue;
        ++voiced;
        right += std::abs(error_cents(static_cast<double>(found), hz)) < 50 ? 1 : 0;
      }
      EXPECT_GE(voiced, 90U) << hz << " Hz at noise of " << noise_dbfs;
      EXPECT_GE(static_cast<double>(right), 0.98 * static_cast<double>(voiced)) << hz;
    }
  }
}

TEST(Pitch, NoiseAndSilenceHaveNone) {
  AudioClip noise;
  append_silence(noise, 1.0);
  EXPECT_EQ(median_pitch_hz(pitch_of(noise).pitch, {0, 1}), 0);
  add_white_noise(noise, -20);
  const PitchContour pitch = pitch_of(noise).pitch;
  size_t voiced = 0;
  for (const float hz : pitch.hz) voiced += hz > 0 ? 1 : 0;
  EXPECT_LE(voiced, pitch.hz.size() / 10);
}

TEST(Pitch, LevelDoesNotMatter) {
  for (const double dbfs : {-3.0, -30.0, -55.0})
    EXPECT_LT(std::abs(error_cents(
                  median_pitch_hz(pitch_of(make_tone(200, 0.5, dbfs)).pitch, {0, 0.5}), 200)),
              10);
}

TEST(Pitch, MelodyOfTwoOctavesIsFollowed) {
  AudioClip clip;
  const std::vector<double> notes = {262, 1047, 392, 784};
  for (const double hz : notes) {
    append(clip, make_tone(hz, 0.15));
    append_silence(clip, 0.04);
  }
  const PitchContour pitch = pitch_of(clip).pitch;
  for (size_t i = 0; i < notes.size(); ++i) {
    const double start = 0.19 * static_cast<double>(i);
    const double median = median_pitch_hz(pitch, {start + 0.03, start + 0.12});
    EXPECT_LT(std::abs(error_cents(median, notes[i])), 30) << median << " for " << notes[i];
  }
}

Course course_of_glide(double from_hz, double to_hz) {
  const AudioClip clip = make_tone({.seconds = 0.6, .hz = [&](double t) {
                                      return from_hz * std::pow(to_hz / from_hz, t / 0.6);
                                    }});
  return course_of(pitch_of(clip).pitch, {0, 0.6}).course;
}

TEST(PitchCourse, GlidesAreNamed) {
  EXPECT_EQ(course_of_glide(120, 180), Course::kRises);
  EXPECT_EQ(course_of_glide(240, 160), Course::kFalls);
  EXPECT_EQ(course_of_glide(200, 200), Course::kSteady);
  EXPECT_EQ(course_of_glide(200, 206), Course::kSteady);  // half a semitone
}

TEST(PitchCourse, ChangeIsMeasuredBetweenTheThirds) {
  const AudioClip clip =
      make_tone({.seconds = 0.9, .hz = [](double t) { return 100 * std::exp2(t / 0.9); }});
  const PitchCourse course = course_of(pitch_of(clip).pitch, {0, 0.9});
  // An octave up in all; the medians of the outer thirds lie at 1/6 and 5/6 of it.
  EXPECT_NEAR(course.change_semitones, 8, 0.3);
  EXPECT_NEAR(course.median_hz, 141.4, 3);
}

TEST(PitchCourse, UpAndDownAgainVaries) {
  const AudioClip clip = make_tone(
      {.seconds = 0.9, .hz = [](double t) { return 150 + 80 * std::sin(t / 0.9 * 3.14159); }});
  EXPECT_EQ(course_of(pitch_of(clip).pitch, {0, 0.9}).course, Course::kVaries);
}

TEST(PitchCourse, VibratoIsSteady) {
  const AudioClip clip =
      make_tone({.seconds = 1.0, .hz = [](double t) {
                   return 300 * std::exp2(0.5 / 12 * std::sin(2 * 3.14159 * 6 * t));
                 }});
  EXPECT_EQ(course_of(pitch_of(clip).pitch, {0, 1}).course, Course::kSteady);
}

TEST(PitchCourse, AJumpByAnOctaveProvesNothing) {
  PitchContour contour;
  for (int i = 0; i < 40; ++i) contour.hz.push_back(i < 15 ? 100.0F : 200.0F);
  EXPECT_EQ(course_of(contour, {0, 1}).course, Course::kVaries);
  for (int i = 0; i < 40; ++i) contour.hz[static_cast<size_t>(i)] = i < 15 ? 100.0F : 150.0F;
  EXPECT_EQ(course_of(contour, {0, 1}).course, Course::kRises) << "a fifth is a leap";
}

TEST(PitchCourse, TooShortToSay) {
  EXPECT_EQ(course_of(pitch_of(make_tone(200, 0.05)).pitch, {0, 1}).course, Course::kNone);
  EXPECT_EQ(course_of(PitchContour{}, {0, 1}).course, Course::kNone);
}

}  // namespace
}  // namespace stapes
