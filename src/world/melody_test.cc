#include "world/melody.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "stapes/error.h"
#include "world/test_support.h"

namespace stapes::world {
namespace {

double cents_between(double hz, double reference_hz) {
  return 1200 * std::log2(hz / reference_hz);
}

TEST(Notes, NamesAndFrequencies) {
  EXPECT_EQ(note_name(60), "C4");
  EXPECT_EQ(note_name(61), "C#4");
  EXPECT_EQ(note_name(69), "A4");
  EXPECT_EQ(note_name(84), "C6");
  EXPECT_EQ(note_name(0), "C-1");
  EXPECT_DOUBLE_EQ(note_frequency_hz(69), 440);
  EXPECT_NEAR(note_frequency_hz(60), 261.626, 1e-3);
  EXPECT_NEAR(note_frequency_hz(69, 100), note_frequency_hz(70), 1e-9);
}

void expect_every_pitch_in_tune(const Timbres& timbres) {
  for (size_t timbre = 0; timbre < timbres.names().size(); ++timbre)
    for (const int pitch : kPitches) {
      Rng rng(1);
      // As short as the shortest notes of a melody, without the attack.
      const std::vector<float> wave =
          timbres.note({.timbre = timbre, .midi_note = pitch, .samples = 2000}, rng);
      ASSERT_EQ(wave.size(), 2000U);
      const double heard = test::pitch_hz(std::span(wave).subspan(500));
      // The nearest other note of the scale is 200 cents away; a struck bar is not quite harmonic.
      EXPECT_LT(std::abs(cents_between(heard, note_frequency_hz(pitch))), 60)
          << timbres.names()[timbre] << " " << note_name(pitch) << " sounds at " << heard << " Hz";
    }
}

TEST(Timbres, OscillatorsPlayEveryPitchInTune) {
  const Timbres timbres(false);
  EXPECT_EQ(timbres.names().size(), Timbres::kOscillatorCount);
  expect_every_pitch_in_tune(timbres);
}

TEST(Timbres, DetuningIsHeard) {
  const Timbres timbres(false);
  for (size_t timbre = 0; timbre < timbres.names().size(); ++timbre) {
    Rng rng(1);
    const std::vector<float> wave =
        timbres.note({.timbre = timbre, .midi_note = 60, .cents = 40, .samples = 16000}, rng);
    EXPECT_NEAR(cents_between(test::pitch_hz(wave), note_frequency_hz(60)), 40, 10)
        << timbres.names()[timbre];
  }
}

// Every timbre has its own mixture of harmonics; the square wave none of the even ones.
TEST(Timbres, HarmonicsAreThoseOfTheName) {
  const Timbres timbres(false);
  const auto harmonic = [&](const char* timbre, int k) {
    const auto& names = timbres.names();
    const auto index =
        static_cast<size_t>(std::find(names.begin(), names.end(), timbre) - names.begin());
    Rng rng(1);
    const std::vector<float> wave =
        timbres.note({.timbre = index, .midi_note = 69, .samples = 16000}, rng);
    return test::amplitude_at(wave, 440.0 * k) / test::amplitude_at(wave, 440.0);
  };
  EXPECT_LT(harmonic("sine", 2), 0.001);
  EXPECT_NEAR(harmonic("triangle", 3), 1.0 / 9, 0.001);
  EXPECT_LT(harmonic("square", 2), 0.001);
  EXPECT_NEAR(harmonic("square", 3), 1.0 / 3, 0.001);
  EXPECT_NEAR(harmonic("saw", 2), 0.5, 0.001);
  EXPECT_NEAR(harmonic("saw", 5), 0.2, 0.001);
  EXPECT_NEAR(harmonic("organ", 2), 0.8, 0.01);
  EXPECT_NEAR(harmonic("flute", 2), 0.25, 0.02);
  EXPECT_NEAR(harmonic("plucked", 2), 0.5, 0.2);
}

TEST(Timbres, NothingAboveTheBandLimit) {
  const Timbres timbres(false);
  for (size_t timbre = 0; timbre < Timbres::kOscillatorCount; ++timbre) {
    Rng rng(1);
    const std::vector<float> wave =
        timbres.note({.timbre = timbre, .midi_note = 84, .samples = 16000}, rng);
    // 16 kHz - 8 f would be the image of the eighth harmonic.
    const double image = 16000 - 8 * note_frequency_hz(84);
    EXPECT_LT(test::amplitude_at(wave, image), 0.01) << timbres.names()[timbre];
  }
}

TEST(Timbres, SampledInstrumentsPlayInTuneOrSayHowToGetThem) {
  try {
    const Timbres timbres(true);
    EXPECT_GT(timbres.names().size(), Timbres::kOscillatorCount);
    expect_every_pitch_in_tune(timbres);
    const Timbres again(true);
    const NoteRequest note{.timbre = timbres.names().size() - 1, .midi_note = 67, .samples = 3000};
    Rng rng(1);
    EXPECT_EQ(timbres.note(note, rng), again.note(note, rng));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("install"), std::string::npos) << error.what();
    GTEST_SKIP() << "NO SAMPLED INSTRUMENTS HERE: " << error.what();
  }
}

TEST(PlanMelody, KeepsItsPromises) {
  std::map<int, int> trends;
  std::map<size_t, int> counts;
  int repeats = 0;
  for (uint64_t position = 0; position < 5000; ++position) {
    Rng rng(3, 0, position);
    const Truth plan = plan_melody(8, rng);
    const auto& events = plan.events;
    ++counts[events.size()];
    ++trends[plan.loudness_trend];
    EXPECT_GE(plan.notes_per_second, 2.5);
    EXPECT_LE(plan.notes_per_second, 6.0);
    int highest = 0, of_highest = 0;
    double quietest = 0, loudest = -100;
    for (size_t i = 0; i < events.size(); ++i) {
      highest = std::max(highest, events[i].midi_note);
      quietest = std::min(quietest, events[i].level_db);
      loudest = std::max(loudest, events[i].level_db);
      EXPECT_NE(std::find(kPitches.begin(), kPitches.end(), events[i].midi_note), kPitches.end());
      EXPECT_GT(events[i].end_s - events[i].start_s, 0.1);
      if (i == 0) continue;
      EXPECT_GE(events[i].start_s - events[i - 1].end_s, 0.0299);
      repeats += events[i].midi_note == events[i - 1].midi_note ? 1 : 0;
    }
    for (const Event& event : events) of_highest += event.midi_note == highest ? 1 : 0;
    EXPECT_EQ(of_highest, 1);
    const double change = events.back().level_db - events.front().level_db;
    if (plan.loudness_trend == 0)
      EXPECT_LT(loudest - quietest, 1.0);
    else
      EXPECT_GT(change * plan.loudness_trend, 9.0);
  }
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [notes, times] : counts) EXPECT_NEAR(times, 5000 / 6, 150) << notes << " notes";
  ASSERT_EQ(trends.size(), 3U);
  for (const auto& [trend, times] : trends) EXPECT_NEAR(times, 5000 / 3, 180) << "trend " << trend;
  EXPECT_GT(repeats, 1000);
}

TEST(PlanMelody, AnswersAreSpread) {
  std::map<std::string, int> rises, places;
  for (uint64_t position = 0; position < 5000; ++position) {
    Rng rng(4, 0, position);
    const Truth plan = plan_melody(8, rng);
    ++rises[answer_for(Task::kCountRises, plan)];
    ++places[answer_for(Task::kHighestNote, plan)];
  }
  for (const char* answer : {"0", "1", "2", "3", "4", "5"})
    EXPECT_GT(rises[answer], 25) << answer << " rises";
  for (const auto& [answer, times] : rises) EXPECT_LT(times, 2000) << answer << " rises";
  for (const char* answer : {"1", "2", "3", "4", "5", "6", "7", "8"})
    EXPECT_GT(places[answer], 100) << "place " << answer;
}

// The sound against the truth, by measurements that know nothing of how it was made.
TEST(RenderMelody, SoundsAsTheTruthSays) {
  const Timbres timbres(false);
  std::set<std::string> heard_timbres;
  for (uint64_t position = 0; position < 100; ++position) {
    Rng rng(8, 0, position);
    const Clip clip = render_melody(plan_melody(8, rng), timbres, false, rng);
    heard_timbres.insert(clip.truth.timbre);
    double end_before = 0;
    for (const Event& event : clip.truth.events) {
      for (const float sample : test::part(clip, end_before, event.start_s)) ASSERT_EQ(sample, 0);
      end_before = event.end_s;
      EXPECT_NEAR(test::level_dbfs(test::part(clip, event.start_s, event.end_s)), event.level_db,
                  0.01);
      const double heard =
          test::pitch_hz(test::part(clip, event.start_s + 0.02, event.end_s - 0.02));
      EXPECT_LT(std::abs(cents_between(heard, note_frequency_hz(event.midi_note))), 50)
          << clip.truth.timbre << " " << note_name(event.midi_note) << " at " << heard << " Hz";
    }
    for (const float sample : test::part(clip, end_before, clip.audio.seconds()))
      ASSERT_EQ(sample, 0);
  }
  EXPECT_EQ(heard_timbres.size(), Timbres::kOscillatorCount);
}

TEST(RenderMelody, AugmentedMelodiesKeepPitchTrendAndLevel) {
  const Timbres timbres(false);
  int silent = 0;
  for (uint64_t position = 0; position < 100; ++position) {
    Rng rng(9, 0, position);
    const Clip clip = render_melody(plan_melody(8, rng), timbres, true, rng);
    const auto& events = clip.truth.events;
    silent += std::isinf(clip.truth.noise_db) ? 1 : 0;
    EXPECT_GE(clip.truth.noise_db, 15);
    EXPECT_TRUE(clip.truth.noise_db <= 40 || std::isinf(clip.truth.noise_db));
    float peak = 0;
    for (const float sample : clip.audio.samples) peak = std::max(peak, std::abs(sample));
    EXPECT_GE(20 * std::log10(peak), -30.01);
    EXPECT_LE(20 * std::log10(peak), -2.99);
    const auto level = [&](const Event& event) {
      return test::level_dbfs(test::part(clip, event.start_s, event.end_s));
    };
    const double change = level(events.back()) - level(events.front());
    if (clip.truth.loudness_trend == 0)
      EXPECT_LT(std::abs(change), 2);
    else
      EXPECT_GT(change * clip.truth.loudness_trend, 5);
  }
  EXPECT_NEAR(silent, 15, 14);  // four standard deviations of a fair draw
}

}  // namespace
}  // namespace stapes::world
