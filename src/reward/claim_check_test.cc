#include "reward/claim_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "audio/measure/synthetic_sounds.h"
#include "base/rng.h"
#include "world/melody.h"
#include "world/random_truth.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

using ::testing::HasSubstr;
using Verdicts = std::array<int, 3>;  // true, false, uncheckable

Verdicts verdicts(std::string_view thought, const Evidence& evidence) {
  Verdicts counts{};
  for (const CheckedClaim& checked : check_claims(parse_claims(thought), evidence))
    ++counts[static_cast<size_t>(checked.verdict)];
  return counts;
}
Verdict verdict(std::string_view thought, const Evidence& evidence) {
  const auto checked = check_claims(parse_claims(thought), evidence);
  EXPECT_EQ(checked.size(), 1U) << thought;
  return checked.empty() ? Verdict::kUncheckable : checked[0].verdict;
}

world::Truth truth_of(world::Task task, uint64_t index) {
  Rng rng(3, static_cast<uint64_t>(task), index);
  return world::random_truth(task, rng);
}

class EveryTask : public ::testing::TestWithParam<int> {};

TEST_P(EveryTask, ReferenceThoughtsAreTrueOfTheirOwnClip) {
  const auto task = static_cast<world::Task>(GetParam());
  for (uint64_t i = 0; i < 200; ++i) {
    const world::Truth truth = truth_of(task, i);
    const std::string thought = world::thinking_for(task, truth);
    const Verdicts counts = verdicts(thought, {facts_of(truth)});
    EXPECT_GT(counts[0], 0) << thought;
    EXPECT_EQ(counts[1], 0) << thought;
    EXPECT_EQ(counts[2], 0) << thought;
  }
}

TEST_P(EveryTask, ThoughtsAboutAnotherClipAreFoundOut) {
  const auto task = static_cast<world::Task>(GetParam());
  int others = 0, found_out = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    const world::Truth truth = truth_of(task, i), other = truth_of(task, i + 1000);
    const std::string thought = world::thinking_for(task, other);
    if (thought == world::thinking_for(task, truth)) continue;
    ++others;
    found_out += verdicts(thought, {facts_of(truth)})[1] > 0 ? 1 : 0;
  }
  // Two clips may share every event that the shorter thought names; levels may differ by a margin
  // only.
  EXPECT_GT(others, 100);
  // Of a conflict only the first and the last level are named: what goes the same way by a few dB
  // more is not found out.
  EXPECT_GE(found_out, task == world::Task::kConflict ? others * 3 / 4 : others * 9 / 10);
}

// What a reader says of the clip may well be true of it; that it was read is what gives it away.
TEST_P(EveryTask, SurrogateThoughtsSayNothingFalse) {
  const auto task = static_cast<world::Task>(GetParam());
  for (uint64_t i = 0; i < 200; ++i) {
    const world::Truth truth = truth_of(task, i);
    const std::string thought = world::surrogate_thinking_for(task, truth);
    EXPECT_EQ(verdicts(thought, {facts_of(truth)})[1], 0) << thought;
  }
}

// Digits whose values and whose loudness go the given ways.
world::Truth conflict(std::initializer_list<int> digits, int number_trend, int loudness_trend) {
  world::Truth truth;
  truth.number_trend = number_trend;
  truth.loudness_trend = loudness_trend;
  double level = -30;
  for (const int digit : digits) {
    world::Event& event = truth.events.emplace_back();
    event.digit = digit;
    event.level_db = level;
    level += 6 * loudness_trend;
  }
  return truth;
}

TEST(ClaimCheck, WordsOneWayAndLoudnessTheOther) {
  const Evidence evidence = {facts_of(conflict({2, 5, 8}, +1, -1))};
  EXPECT_EQ(verdicts("The first digit has 0 dB, the last -12 dB. It gets softer.", evidence),
            (Verdicts{3, 0, 0}));
  EXPECT_EQ(verdicts("The text lists 2, 5 and 8. The numbers go up.", evidence),
            (Verdicts{2, 0, 0}));
  for (const auto& [thought, expected] : std::initializer_list<std::pair<const char*, Verdict>>{
           {"It gets louder.", Verdict::kFalse},
           {"The loudness falls.", Verdict::kTrue},
           {"The levels go down.", Verdict::kTrue},
           {"The first digit has -12 dB.", Verdict::kFalse},
           {"The last has -12 dB.", Verdict::kTrue},
           {"The last digit lies at 0 dB.", Verdict::kFalse},
           {"The numbers go down.", Verdict::kFalse},
           {"The numbers are rising.", Verdict::kTrue},
           {"The text lists 8, 5 and 2.", Verdict::kFalse}})
    EXPECT_EQ(verdict(thought, evidence), expected) << thought;
  // Of other speech, how loud it gets is not known.
  world::Truth other;
  for (const int digit : {2, 5}) other.events.emplace_back().digit = digit;
  EXPECT_EQ(verdict("It gets louder.", {facts_of(other)}), Verdict::kUncheckable);
  EXPECT_EQ(verdict("The numbers go up.", {facts_of(other)}), Verdict::kTrue);
  EXPECT_TRUE(parse_claims("The last two are soft. The second has 3 harmonics.").empty());
}

TEST(ClaimCheck, BeatsAreCounted) {
  Rng rng(3);
  const world::Truth truth = world::random_truth(world::Task::kCountBeats, rng);
  const auto count = truth.events.size();
  const Evidence evidence = {facts_of(truth)};
  EXPECT_EQ(verdict(fmt::format("I count {} beats.", count), evidence), Verdict::kTrue);
  EXPECT_EQ(verdict(fmt::format("I count {} clicks.", count), evidence), Verdict::kTrue);
  EXPECT_EQ(verdict(fmt::format("I count {} beats.", count + 1), evidence), Verdict::kFalse);
  EXPECT_EQ(verdict("There are 5 notes.", evidence), Verdict::kFalse);
  EXPECT_EQ(verdict("It gets louder.", evidence), Verdict::kUncheckable);
  EXPECT_EQ(verdict("The pitch is steady.", evidence), Verdict::kUncheckable);
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, ::testing::Range(0, world::kTaskCount),
                         [](const auto& tested) {
                           std::string name = world::name(static_cast<world::Task>(tested.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

world::Truth speech(std::initializer_list<int> digits, const char* speaker = "george") {
  world::Truth truth;
  double start = 0.1;
  for (const int digit : digits) {
    world::Event& event = truth.events.emplace_back();
    event.digit = digit;
    event.speaker = speaker;
    event.start_s = start;
    event.end_s = start + 0.4;
    start += 0.9;
  }
  truth.noise_db = 20;
  return truth;
}

world::Truth melody(std::initializer_list<int> notes, double notes_per_second = 4) {
  world::Truth truth;
  double start = 0.1;
  for (const int note : notes) {
    world::Event& event = truth.events.emplace_back();
    event.midi_note = note;
    event.start_s = start;
    event.end_s = start + 0.8 / notes_per_second;
    start += 1 / notes_per_second;
  }
  truth.notes_per_second = notes_per_second;
  truth.timbre = "flute";
  truth.loudness_trend = -1;
  truth.noise_db = std::numeric_limits<double>::infinity();
  return truth;
}

struct JudgedClaim {
  const char* thought;
  Verdict verdict;
};

TEST(ClaimCheck, FreePhrasesAboutSpeech) {
  const Evidence evidence = {facts_of(speech({3, 7, 1}), 2.8)};
  for (const auto& [thought, expected] : {
           JudgedClaim{"I hear three digits.", Verdict::kTrue},
           JudgedClaim{"I hear four digits.", Verdict::kFalse},
           JudgedClaim{"There are three notes.", Verdict::kFalse},
           JudgedClaim{"The digits are 3, 7 and 1.", Verdict::kTrue},
           JudgedClaim{"The digits are 3, 1 and 7.", Verdict::kFalse},
           JudgedClaim{"I hear 7.", Verdict::kTrue},
           JudgedClaim{"I hear 8.", Verdict::kFalse},
           JudgedClaim{"The fourth digit is 1.", Verdict::kFalse},
           JudgedClaim{"It is the same voice.", Verdict::kTrue},
           JudgedClaim{"There are two speakers.", Verdict::kFalse},
           JudgedClaim{"There is a pause of half a second.", Verdict::kTrue},
           JudgedClaim{"There is a pause of two seconds.", Verdict::kFalse},
           JudgedClaim{"There are no pauses.", Verdict::kFalse},
           JudgedClaim{"There are two pauses.", Verdict::kTrue},
           JudgedClaim{"The clip lasts three seconds.", Verdict::kTrue},
           JudgedClaim{"The clip lasts six seconds.", Verdict::kFalse},
           JudgedClaim{"There is background noise.", Verdict::kTrue},
           JudgedClaim{"There is no background noise.", Verdict::kFalse},
           JudgedClaim{"The pitch falls.", Verdict::kUncheckable},
           JudgedClaim{"A male voice speaks.", Verdict::kUncheckable},
           JudgedClaim{"It is played on a flute.", Verdict::kFalse},
       })
    EXPECT_EQ(verdict(thought, evidence), expected) << thought;
}

TEST(ClaimCheck, FreePhrasesAboutMelodies) {
  // C4 E4 G4 at 4 notes a second.
  const Evidence evidence = {facts_of(melody({60, 64, 67}))};
  for (const auto& [thought, expected] : {
           JudgedClaim{"The melody rises.", Verdict::kTrue},
           JudgedClaim{"The pitch falls.", Verdict::kFalse},
           JudgedClaim{"The pitch does not fall.", Verdict::kTrue},
           JudgedClaim{"The pitch first rises and then falls.", Verdict::kFalse},
           JudgedClaim{"It gets softer.", Verdict::kTrue},
           JudgedClaim{"It gets louder.", Verdict::kFalse},
           JudgedClaim{"The tempo is 240 bpm.", Verdict::kTrue},
           JudgedClaim{"The tempo is 120 bpm.", Verdict::kTrue},
           JudgedClaim{"The tempo is about 125 bpm.", Verdict::kTrue},
           JudgedClaim{"The tempo is 100 bpm.", Verdict::kFalse},
           JudgedClaim{"It is played on a flute.", Verdict::kTrue},
           JudgedClaim{"It is played on a piano.", Verdict::kFalse},
           JudgedClaim{"I hear an E4.", Verdict::kTrue},
           JudgedClaim{"I hear an F#5.", Verdict::kFalse},
           JudgedClaim{"There is a 330 Hz tone.", Verdict::kTrue},
           JudgedClaim{"There is a 440 Hz tone.", Verdict::kFalse},
           JudgedClaim{"The third note is the highest.", Verdict::kTrue},
           JudgedClaim{"The first note is the highest.", Verdict::kFalse},
           JudgedClaim{"The second note is higher than the first.", Verdict::kTrue},
           JudgedClaim{"The second note is lower than the first.", Verdict::kFalse},
           JudgedClaim{"It goes up 2 times.", Verdict::kTrue},
           JudgedClaim{"It goes up 3 times.", Verdict::kFalse},
           JudgedClaim{"I hear 7.", Verdict::kFalse},
           JudgedClaim{"There is no noise.", Verdict::kTrue},
           JudgedClaim{"There are three beeps.", Verdict::kTrue},
       })
    EXPECT_EQ(verdict(thought, evidence), expected) << thought;
  EXPECT_EQ(verdict("The melody rises.", {facts_of(melody({60, 67, 64}))}), Verdict::kUncheckable)
      << "up and down is neither";
}

TEST(ClaimCheck, RecordingsAreMeasured) {
  AudioClip clip = testing::beeps_at({0.3, 0.8, 1.3, 1.8, 2.3}, 0.15, 880, 2.8);
  const Evidence evidence = {facts_of(measure(clip))};
  for (const auto& [thought, expected] : {
           JudgedClaim{"I hear five beeps.", Verdict::kTrue},
           JudgedClaim{"I hear six beeps.", Verdict::kUncheckable},
           JudgedClaim{"I hear nine beeps.", Verdict::kFalse},
           JudgedClaim{"I hear about six beeps.", Verdict::kTrue},
           JudgedClaim{"The tempo is 120 bpm.", Verdict::kTrue},
           JudgedClaim{"The tempo is 90 bpm.", Verdict::kFalse},
           JudgedClaim{"The beeps are at 880 Hz.", Verdict::kTrue},
           JudgedClaim{"The beeps are at 440 Hz.", Verdict::kFalse},
           JudgedClaim{"The loudness is steady.", Verdict::kTrue},
           JudgedClaim{"It gets louder.", Verdict::kFalse},
           JudgedClaim{"The pitch rises.", Verdict::kFalse},
           JudgedClaim{"The pitch stays the same.", Verdict::kTrue},
           JudgedClaim{"There is a pause of 0.35 seconds.", Verdict::kTrue},
           JudgedClaim{"There is a pause of one second.", Verdict::kFalse},
           JudgedClaim{"There is no background noise.", Verdict::kTrue},
           JudgedClaim{"The clip lasts 3 seconds.", Verdict::kTrue},
           JudgedClaim{"I hear three words.", Verdict::kUncheckable},
           JudgedClaim{"It is the same voice.", Verdict::kUncheckable},
           JudgedClaim{"It is played on a flute.", Verdict::kUncheckable},
       })
    EXPECT_EQ(verdict(thought, evidence), expected) << thought;
}

TEST(ClaimCheck, TheFirstSourceThatKnowsDecides) {
  // The world says nothing about the pitch of speech; measuring does.
  const AudioClip glide =
      testing::make_tone({.seconds = 0.8, .hz = [](double t) { return 240 - 120 * t; }});
  const Evidence both = {facts_of(speech({3})), facts_of(measure(glide))};
  EXPECT_EQ(verdict("The pitch falls.", both), Verdict::kTrue);
  EXPECT_EQ(verdict("I hear one digit.", both), Verdict::kTrue);
  EXPECT_EQ(verdict("The pitch falls.", {}), Verdict::kUncheckable);
}

TEST(ClaimCheck, SaysWhy) {
  const auto checked =
      check_claims(parse_claims("The third digit is 4."), {facts_of(speech({3, 7, 1}))});
  ASSERT_EQ(checked.size(), 1U);
  EXPECT_THAT(checked[0].reason, HasSubstr("digit 3 is 1"));
}

}  // namespace
}  // namespace stapes::reward
