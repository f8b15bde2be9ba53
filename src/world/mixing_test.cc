#include "world/mixing.h"

#include <gtest/gtest.h>

#include <limits>

#include "world/test_support.h"

namespace stapes::world {
namespace {

// Mean power at a frequency over many short pieces, in dB.
double power_db(std::span<const float> samples, double hz) {
  constexpr size_t kPiece = 1600;
  double power = 0;
  for (size_t start = 0; start + kPiece <= samples.size(); start += kPiece)
    power += std::pow(test::amplitude_at(samples.subspan(start, kPiece), hz), 2);
  return 10 * std::log10(power);
}

TEST(ChangeSpeed, PlaysASineFasterAndSlower) {
  const std::vector<float> original = test::sine(500, 0.5);
  for (const double speed : {0.85, 1.0, 1.1, 1.15}) {
    const std::vector<float> changed = change_speed(original, speed);
    EXPECT_EQ(changed.size(), static_cast<size_t>(8000 / speed));
    const std::vector<float> expected = test::sine(500 * speed, 0.6);
    for (size_t i = 10; i + 10 < changed.size(); ++i)
      ASSERT_NEAR(changed[i], expected[i], 1e-3) << "speed " << speed << " sample " << i;
  }
  EXPECT_EQ(change_speed(original, 1.0), original);
  EXPECT_TRUE(change_speed({}, 1.1).empty());
}

TEST(ColouredNoise, HasTheSlopeOfItsName) {
  const struct {
    NoiseMixture shares;
    double db_per_octave;
  } cases[] = {{{.white = 1}, 0}, {{.pink = 1}, -3}, {{.brown = 1}, -6}};
  for (const auto& [shares, db_per_octave] : cases) {
    Rng rng(1);
    const std::vector<float> noise = coloured_noise(30 * kSampleRateHz, shares, rng);
    EXPECT_GT(rms(noise), 0.5);
    EXPECT_LT(rms(noise), 2.0);
    for (const double hz : {200.0, 800.0, 3200.0})
      EXPECT_NEAR(power_db(noise, hz) - power_db(noise, 100), db_per_octave * std::log2(hz / 100),
                  2.0)
          << db_per_octave << " dB per octave at " << hz << " Hz";
  }
}

Clip clip_with_one_event() {
  Clip clip;
  clip.audio.samples.resize(16 * kSampleRateHz);
  const std::vector<float> tone = test::sine(440, 1.0, 0.2);
  std::copy(tone.begin(), tone.end(), clip.audio.samples.begin() + kSampleRateHz);
  Event& event = clip.truth.events.emplace_back();
  event.start_s = 1;
  event.end_s = 2;
  event.midi_note = 69;
  return clip;
}

TEST(Record, NoiseIsAsFarBelowTheEventsAsItSays) {
  for (const double snr_db : {0.0, 10.0, 25.0, 40.0}) {
    Clip clip = clip_with_one_event();
    Rng rng(7);
    record(clip, {.colour = true, .snr_db = snr_db, .peak_dbfs = -12}, rng);
    EXPECT_EQ(clip.truth.noise_db, snr_db);
    const double noise = test::level_dbfs(test::part(clip, 2.1, 16));
    EXPECT_NEAR(clip.truth.events[0].level_db - noise, snr_db, 1.0);
    float peak = 0;
    for (const float sample : clip.audio.samples) peak = std::max(peak, std::abs(sample));
    EXPECT_NEAR(to_db(peak), -12, 1e-3);
  }
}

TEST(Record, WithoutColourAndNoiseOnlyTheLevelChanges) {
  Clip clip = clip_with_one_event();
  const std::vector<float> before = clip.audio.samples;
  Rng rng(7);
  record(clip, {.snr_db = std::numeric_limits<double>::infinity(), .peak_dbfs = to_db(0.1)}, rng);
  for (size_t i = 0; i < before.size(); ++i)
    ASSERT_NEAR(clip.audio.samples[i], before[i] / 2, 1e-4) << "sample " << i;
  EXPECT_NEAR(clip.truth.events[0].level_db, to_db(0.1 / std::sqrt(2.0)), 0.01);
}

TEST(Record, SilenceStaysSilence) {
  Clip clip;
  clip.audio.samples.resize(100);
  Rng rng(1);
  record(clip, {.colour = true, .snr_db = 10, .peak_dbfs = -3}, rng);
  EXPECT_EQ(clip.audio.samples, std::vector<float>(100));
}

}  // namespace
}  // namespace stapes::world
