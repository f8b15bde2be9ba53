// What measuring says of the world's clips against what the world knows. The shares asked for are a
// little below what is reached (docs/grounding.md has the figures); clips are the test split's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "audio/audio_file.h"
#include "audio/measure/measure.h"
#include "reward/facts.h"
#include "world/notes.h"
#include "world/test_support.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

constexpr int kClips = 80;

struct Shares {
  int notes = 0, exact_count = 0, near_count = 0;
  int pitches = 0, right_pitch = 0;
  int trends = 0, right_trend = 0, opposite_trend = 0;
  int beats = 0, right_beat = 0, wrong_beat = 0;
};

double share(int part, int whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / whole;
}

double median_pitch_of(const Measurement& measured, const world::Event& event) {
  const double middle = (event.start_s + event.end_s) / 2,
               reach = 0.3 * (event.end_s - event.start_s);
  return median_pitch_hz(measured.pitch, {middle - reach, middle + reach});
}

Shares measure_melodies(bool augment) {
  world::WorldOptions options;
  options.augment = augment;
  const world::World world(options);
  Shares shares;
  for (uint64_t i = 0; i < kClips; ++i) {
    const world::Clip clip = world.melody_clip(world::Split::kTest, 7, i);
    const Measurement measured = measure(clip.audio);
    const Facts facts = facts_of(measured);
    const auto notes = static_cast<int>(clip.truth.events.size());
    const int difference = std::abs(notes - static_cast<int>(measured.sounds.size()));
    shares.notes += 1;
    shares.exact_count += difference == 0 ? 1 : 0;
    shares.near_count += difference <= 1 ? 1 : 0;
    for (const world::Event& event : clip.truth.events) {
      const double truth = world::note_frequency_hz(event.midi_note);
      const double found = median_pitch_of(measured, event);
      shares.pitches += 1;
      shares.right_pitch += found > 0 && std::abs(12 * std::log2(found / truth)) < 0.6 ? 1 : 0;
    }
    const Course truth = clip.truth.loudness_trend > 0   ? Course::kRises
                         : clip.truth.loudness_trend < 0 ? Course::kFalls
                                                         : Course::kSteady;
    shares.trends += 1;
    shares.right_trend += facts.loudness == truth ? 1 : 0;
    shares.opposite_trend += facts.loudness != truth && facts.loudness != Course::kVaries ? 1 : 0;
    if (clip.truth.events.size() < 4) continue;
    shares.beats += 1;
    if (!facts.beat_bpm) continue;
    double ratio = *facts.beat_bpm / (60 * clip.truth.notes_per_second);
    while (ratio > std::sqrt(2.0)) ratio /= 2;
    while (ratio < std::sqrt(0.5)) ratio *= 2;
    const bool right = std::abs(ratio - 1) <= 0.08;
    shares.right_beat += right ? 1 : 0;
    shares.wrong_beat += right ? 0 : 1;
  }
  printf(
      "melodies, %s: count exact %.3f, within one %.3f; pitch %.3f; loudness %.3f (opposite "
      "%.3f); beat right %.3f, wrong %.3f\n",
      augment ? "with noise" : "clean", share(shares.exact_count, shares.notes),
      share(shares.near_count, shares.notes), share(shares.right_pitch, shares.pitches),
      share(shares.right_trend, shares.trends), share(shares.opposite_trend, shares.trends),
      share(shares.right_beat, shares.beats), share(shares.wrong_beat, shares.beats));
  return shares;
}

TEST(MeasuredWorld, CleanMelodies) {
  const Shares shares = measure_melodies(false);
  EXPECT_GE(share(shares.exact_count, shares.notes), 0.98);
  EXPECT_GE(share(shares.right_pitch, shares.pitches), 0.99);
  EXPECT_GE(share(shares.right_trend, shares.trends), 0.98);
  EXPECT_EQ(shares.opposite_trend, 0);
  EXPECT_GE(share(shares.right_beat, shares.beats), 0.98);
  EXPECT_EQ(shares.wrong_beat, 0);
}

TEST(MeasuredWorld, MelodiesInNoise) {
  const Shares shares = measure_melodies(true);
  EXPECT_GE(share(shares.exact_count, shares.notes), 0.95);
  EXPECT_GE(share(shares.right_pitch, shares.pitches), 0.97);
  EXPECT_GE(share(shares.right_trend, shares.trends), 0.95);
  EXPECT_EQ(shares.opposite_trend, 0);
  EXPECT_LE(share(shares.wrong_beat, shares.beats), 0.02);
}

// Beats: each one is an onset, in noise and in a microphone's colour as well.
void expect_counted_beats(bool augment, double least_exact) {
  world::WorldOptions options;
  options.augment = augment;
  const world::World world(options);
  int exact = 0, near = 0;
  for (uint64_t i = 0; i < kClips; ++i) {
    const world::Clip clip = world.beats_clip(world::Split::kTest, 7, i);
    const Measurement measured = measure(clip.audio);
    const auto beats = static_cast<int>(clip.truth.events.size());
    const int difference = std::abs(beats - static_cast<int>(measured.sounds.size()));
    exact += difference == 0 ? 1 : 0;
    near += difference <= 1 ? 1 : 0;
    if (difference != 0) continue;
    for (size_t e = 0; e < clip.truth.events.size(); ++e)
      EXPECT_NEAR(measured.sounds[e].span.start_s, clip.truth.events[e].start_s, 0.03) << i;
  }
  printf("beats, %s: exact %.3f, within one %.3f\n", augment ? "augmented" : "clean",
         share(exact, kClips), share(near, kClips));
  EXPECT_GE(share(exact, kClips), least_exact);
}

TEST(MeasuredWorld, CleanBeats) {
  expect_counted_beats(false, 0.98);
}
TEST(MeasuredWorld, BeatsInNoise) {
  expect_counted_beats(true, 0.9);
}

// Digits that are made louder or softer: the course is measured as it is known, never the other
// way.
TEST(MeasuredWorld, LoudnessOfConflicts) {
  const std::filesystem::path folder = world::test::spoken_digits_folder();
  if (folder.empty()) GTEST_SKIP() << "the Free Spoken Digit Dataset is not here";
  world::WorldOptions options;
  options.digits_folder = folder;
  const world::World world(options);
  int right = 0, opposite = 0;
  for (uint64_t i = 0; i < kClips; ++i) {
    const world::Clip clip = world.conflict_clip(world::Split::kTest, 7, i);
    const Course truth = clip.truth.loudness_trend > 0 ? Course::kRises : Course::kFalls;
    const Course measured = measure(clip.audio).loudness.course;
    right += measured == truth ? 1 : 0;
    opposite += measured != truth && (measured == Course::kRises || measured == Course::kFalls);
  }
  printf("conflicts: loudness %.3f (opposite %.3f)\n", share(right, kClips),
         share(opposite, kClips));
  // Thirds of the time are no thirds of two or four digits: some courses are said to vary.
  EXPECT_GE(share(right, kClips), 0.85);
  EXPECT_EQ(opposite, 0);
}

// Real voices: what is known is where the digits lie and how long nobody speaks between them.
TEST(MeasuredWorld, PausesBetweenSpokenDigits) {
  const std::filesystem::path folder = world::test::spoken_digits_folder();
  if (folder.empty()) GTEST_SKIP() << "the Free Spoken Digit Dataset is not here";
  world::WorldOptions options;
  options.digits_folder = folder;
  const world::World world(options);
  int pauses = 0, found = 0, measured_pauses = 0, false_pauses = 0;
  for (uint64_t i = 0; i < kClips; ++i) {
    const world::Clip clip = world.speech_clip(world::Split::kTest, 7, i);
    const Measurement measured = measure(clip.audio);
    const Facts truth = facts_of(clip.truth);
    for (const TimeSpan& pause : *truth.pauses) {
      if (pause.seconds() < 0.2) continue;
      ++pauses;
      found += std::ranges::any_of(measured.pauses, [&](const TimeSpan& other) {
        return std::abs(other.seconds() - pause.seconds()) <= 0.15 &&
               std::abs(other.start_s - pause.start_s) <= 0.15;
      });
    }
    // A pause that is found must lie between two digits (or in the trimmed silence around them).
    for (const TimeSpan& pause : measured.pauses) {
      ++measured_pauses;
      const double middle = (pause.start_s + pause.end_s) / 2;
      const bool inside = std::ranges::any_of(clip.truth.events, [&](const world::Event& event) {
        return event.start_s + 0.1 < middle && middle < event.end_s - 0.1;
      });
      false_pauses += inside ? 1 : 0;
    }
  }
  printf("speech: pauses of 0.2 s or longer found %.3f of %d; inside of a digit %.3f of %d\n",
         share(found, pauses), pauses, share(false_pauses, measured_pauses), measured_pauses);
  EXPECT_GE(share(found, pauses), 0.85);
  EXPECT_LE(share(false_pauses, measured_pauses), 0.02);
}

// Nobody measured these voices, but everybody has a range: of each speaker, most recordings must
// lie near the speaker's own median, and few may jump by an octave.
TEST(MeasuredWorld, PitchOfRealVoices) {
  const std::filesystem::path folder = world::test::spoken_digits_folder();
  if (folder.empty()) GTEST_SKIP() << "the Free Spoken Digit Dataset is not here";
  int recordings = 0, near = 0, jumps = 0, voiced_frames = 0;
  for (const char* speaker : world::kDigitSpeakers) {
    std::vector<double> semitones;
    for (int digit = 0; digit <= 9; ++digit) {
      const auto file = folder / fmt::format("{}_{}_10.wav", digit, speaker);
      const Measurement measured = measure(load_audio_file(file));
      ++recordings;
      if (measured.pitch_course.course != Course::kNone)
        semitones.push_back(semitones_of(measured.pitch_course.median_hz));
      for (size_t f = 1; f < measured.pitch.hz.size(); ++f) {
        const float before = measured.pitch.hz[f - 1], here = measured.pitch.hz[f];
        if (before <= 0 || here <= 0) continue;
        ++voiced_frames;
        jumps += std::abs(12 * std::log2(here / before)) > 9 ? 1 : 0;
      }
    }
    ASSERT_GE(semitones.size(), 8U) << speaker;
    std::ranges::sort(semitones);
    const double median = semitones[semitones.size() / 2];
    printf("%s: median %.0f Hz, %.1f to %.1f semitones around it\n", speaker,
           440 * std::exp2(median / 12), semitones.front() - median, semitones.back() - median);
    for (const double value : semitones) near += std::abs(value - median) <= 5 ? 1 : 0;
    EXPECT_GT(440 * std::exp2(median / 12), 70) << speaker;
    EXPECT_LT(440 * std::exp2(median / 12), 260) << speaker;
  }
  printf("near the speaker's median: %d of %d; jumps of an octave: %d of %d frames\n", near,
         recordings, jumps, voiced_frames);
  EXPECT_GE(share(near, recordings), 0.85);
  EXPECT_LE(share(jumps, voiced_frames), 0.02);
}

// Sanity on other recordings: somebody speaks or sings in each.
TEST(MeasuredWorld, ExampleClips) {
  const std::filesystem::path folder = world::test::spoken_digits_folder().parent_path() / "clips";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "the example clips are not here";
  for (const char* name : {"mmsu_test", "spoken_mqa_test", "wild_speech_test", "song"}) {
    const AudioClip clip = load_audio_file(folder / (std::string(name) + ".wav"));
    const Measurement measured = measure(clip);
    EXPECT_GT(measured.voiced_share, 0.2) << name;
    EXPECT_NE(measured.pitch_course.course, Course::kNone) << name;
    EXPECT_FALSE(measured.tempo.steady()) << name << ": no metronome in it";
    EXPECT_NE(measured.loudness.course, Course::kNone) << name;
    // Speech is interrupted; the song is not.
    EXPECT_EQ(measured.pauses.empty(), std::string(name) == "song") << name;
  }
}

}  // namespace
}  // namespace stapes::reward
