#include "audio/measure/sounds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "audio/measure/measure.h"
#include "audio/measure/synthetic_sounds.h"

namespace stapes {
namespace {

using testing::add_white_noise;
using testing::append;
using testing::beeps_at;
using testing::make_tone;

std::vector<double> beats(double bpm, int count, double start_s = 0.2) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(start_s + 60 / bpm * i);
  return times;
}

TEST(Sounds, EveryBeepIsOne) {
  for (int count = 1; count <= 20; ++count) {
    AudioClip clip = beeps_at(beats(240, count), 0.1, 880, 0.5 + 0.25 * count);
    add_white_noise(clip, -45);
    EXPECT_EQ(measure(clip).sounds.size(), static_cast<size_t>(count));
  }
}

TEST(Sounds, NotesWithoutGapsAreToldByTheirPitch) {
  AudioClip clip;
  const std::vector<double> notes = {262, 294, 330, 262, 523};
  for (const double hz : notes) {
    // Straight on: no silence and no fades between, as on a flute.
    const AudioClip note = make_tone(hz, 0.25);
    clip.samples.insert(clip.samples.end(), note.samples.begin() + 80, note.samples.end() - 80);
  }
  const auto sounds = measure(clip).sounds;
  ASSERT_EQ(sounds.size(), notes.size());
  for (size_t i = 0; i < notes.size(); ++i)
    EXPECT_NEAR(12 * std::log2(sounds[i].pitch_hz / notes[i]), 0, 0.3) << i;
}

TEST(Sounds, AGlideIsOneSound) {
  const AudioClip clip = make_tone({.seconds = 0.8, .hz = [](double t) { return 150 + 200 * t; }});
  EXPECT_EQ(measure(clip).sounds.size(), 1U);
}

TEST(Tempo, BeatsOfKnownTempo) {
  for (const double bpm : {60.0, 72.0, 90.0, 120.0, 133.0, 173.0, 220.0}) {
    const Tempo tempo = measure(beeps_at(beats(bpm, 9), 0.08)).tempo;
    EXPECT_NEAR(tempo.bpm, bpm, 0.015 * bpm);
    EXPECT_EQ(tempo.regularity, 1);
  }
}

TEST(Tempo, RestsDoNotHideTheBeat) {
  std::vector<double> times = beats(120, 10);
  times.erase(times.begin() + 6);
  times.erase(times.begin() + 2);
  EXPECT_NEAR(measure(beeps_at(times, 0.08)).tempo.bpm, 120, 2);
}

TEST(Tempo, IrregularSoundsKeepNoBeat) {
  EXPECT_FALSE(measure(beeps_at({0.1, 0.4, 1.2, 1.6, 2.6, 2.9, 3.7}, 0.08)).tempo.steady());
  EXPECT_FALSE(measure(beeps_at({0.1, 0.6, 1.1}, 0.08)).tempo.steady()) << "two gaps are no beat";
}

TEST(Tempo, VerySlowAndVeryFastBeatsAreFolded) {
  EXPECT_NEAR(measure(beeps_at(beats(360, 9), 0.06)).tempo.bpm, 180, 4);
  EXPECT_NEAR(measure(beeps_at(beats(30, 5), 0.06)).tempo.bpm, 60, 1);
}

}  // namespace
}  // namespace stapes
