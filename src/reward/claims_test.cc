#include "reward/claims.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reward/claim_check.h"

namespace stapes::reward {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const char* name_of(Property property) {
  static constexpr std::array<const char*, 7> kNames = {
      "?", "pitch", "final pitch", "loudness", "tempo", "brightness", "length"};
  return kNames[static_cast<size_t>(property)];
}

// One line for each claim: kind, value, and "not" where it is denied.
std::string written(const Claim& claim) {
  std::string text = name(claim.kind);
  if (claim.place > 0) text += fmt::format(" @{}", claim.place);
  if (claim.other_place > 0) text += fmt::format("~{}", claim.other_place);
  if (claim.property != Property::kNone) text += fmt::format(" {}", name_of(claim.property));
  if (claim.course != Course::kNone) text += fmt::format(" {}", stapes::name(claim.course));
  if (!claim.name.empty()) text += " " + claim.name;
  if (!claim.digits.empty()) text += fmt::format(" {}", fmt::join(claim.digits, ","));
  switch (claim.kind) {
    case ClaimKind::kDigit:
    case ClaimKind::kLevel:
    case ClaimKind::kCount:
    case ClaimKind::kRises:
    case ClaimKind::kPitchHz:
    case ClaimKind::kTempo:
    case ClaimKind::kPause:
    case ClaimKind::kDuration:
      text += fmt::format(" {}", claim.number);
      break;
    default:
      break;
  }
  if (claim.rough) text += " about";
  if (claim.partial) text += " partly";
  if (claim.denied) text += " not";
  return text;
}
std::vector<std::string> claims(std::string_view thought) {
  std::vector<std::string> all;
  for (const Claim& claim : parse_claims(thought)) all.push_back(written(claim));
  return all;
}

// The formats of world/thinking.cc.
TEST(Claims, TheSmallModelsLists) {
  EXPECT_THAT(claims("First I hear 3, second 7, third 1. That makes 3 digits."),
              ElementsAre("digit @1 3", "digit @2 7", "digit @3 1", "count digit 3"));
  EXPECT_THAT(claims("First I hear 3, second 7. 3 + 7 = 10."),
              ElementsAre("digit @1 3", "digit @2 7"));
  EXPECT_THAT(claims("First I hear 3, second 7. 3 < 7, so 7."),
              ElementsAre("digit @1 3", "digit @2 7"));
  EXPECT_THAT(claims("First I hear george; second george, the same voice; third theo, another "
                     "voice. The voices differ."),
              ElementsAre("speaker @1 george", "speaker @2 george", "same-voice @2",
                          "speaker @3 theo", "same-voice @3 not", "one-voice not"));
  EXPECT_THAT(claims("First I hear lucas. The voice stays the same."),
              ElementsAre("speaker @1 lucas", "one-voice"));
  EXPECT_THAT(claims("First E4; second G4, up; third G4, same. That makes 3 notes."),
              ElementsAre("note @1 E4", "note @2 G4", "step @2 rises", "note @3 G4",
                          "step @3 steady", "count note 3"));
  EXPECT_THAT(
      claims("First E4, 0; second C4, down, 0; third A4, up, 1."),
      ElementsAre("note @1 E4", "note @2 C4", "step @2 falls", "note @3 A4", "step @3 rises"));
  EXPECT_THAT(claims("First E4, best E4 1; second G4, up, best G4 2."),
              ElementsAre("note @1 E4", "note @2 G4", "step @2 rises"));
  EXPECT_THAT(claims("First -12 dB, second -6 dB, third 0 dB. The loudness rises."),
              ElementsAre("level @1 -12", "level @2 -6", "level @3 0", "course loudness rises"));
  EXPECT_THAT(claims("First I hear 3. That makes 1 digit."),
              ElementsAre("digit @1 3", "count digit 1"));
}

TEST(Claims, Courses) {
  EXPECT_THAT(claims("The pitch falls."), ElementsAre("course pitch falls"));
  EXPECT_THAT(claims("There is a rising intonation at the end."),
              ElementsAre("course final pitch rises"));
  EXPECT_THAT(claims("It gets louder and louder."),
              ElementsAre("course loudness rises", "course loudness rises"));
  EXPECT_THAT(claims("The sound becomes softer."), ElementsAre("course loudness falls"));
  EXPECT_THAT(claims("A crescendo."), ElementsAre("course loudness rises"));
  EXPECT_THAT(claims("The volume decreases while the tempo stays constant."),
              ElementsAre("course loudness falls", "course tempo steady"));
  EXPECT_THAT(claims("The melody goes up."), ElementsAre("course pitch rises"));
  EXPECT_THAT(claims("The melody is descending."), ElementsAre("course pitch falls"));
  EXPECT_THAT(claims("It speeds up."), ElementsAre("course tempo rises"));
  EXPECT_THAT(claims("The sound gets brighter."), ElementsAre("course brightness rises"));
  EXPECT_THAT(claims("The pitch first rises and then falls."), ElementsAre("course pitch varies"));
  EXPECT_THAT(claims("The loudness is steady."), ElementsAre("course loudness steady"));
  EXPECT_THAT(claims("The pitch gets higher."), ElementsAre("course pitch rises"));
}

TEST(Claims, CoursesOfAPart) {
  EXPECT_THAT(claims("The first speaker's pitch falls."), ElementsAre("course pitch falls partly"));
  EXPECT_THAT(claims("At the beginning it gets louder."),
              ElementsAre("course loudness rises partly"));
  EXPECT_THAT(claims("At the end it gets louder."), ElementsAre("course loudness rises partly"));
  EXPECT_THAT(claims("In the second half the pitch rises."),
              ElementsAre("course pitch rises partly"));
}

TEST(Claims, DeniedCourses) {
  EXPECT_THAT(claims("The pitch does not fall."), ElementsAre("course pitch falls not"));
  EXPECT_THAT(claims("The loudness never rises."), ElementsAre("course loudness rises not"));
  EXPECT_THAT(claims("It doesn't get louder."), ElementsAre("course loudness rises not"));
}

TEST(Claims, CountsAndMeasures) {
  EXPECT_THAT(claims("I hear three beeps."), ElementsAre("count beep 3"));
  EXPECT_THAT(claims("There are 12 short clicks in it"), ElementsAre("count click 12"));
  EXPECT_THAT(claims("There are about twenty taps."), ElementsAre("count tap 20 about"));
  EXPECT_THAT(claims("Two speakers talk."), ElementsAre("count speaker 2"));
  EXPECT_THAT(claims("Four people talk."), ElementsAre("count person 4"));
  EXPECT_THAT(claims("The tempo is about 120 bpm."), ElementsAre("tempo 120 about"));
  EXPECT_THAT(claims("It has a tempo of 96."), ElementsAre("tempo 96"));
  EXPECT_THAT(claims("one hundred beats per minute"), ElementsAre("tempo 100"));
  EXPECT_THAT(claims("The tone is at 440 Hz."), ElementsAre("pitch-hz 440"));
  EXPECT_THAT(claims("I hear a 1.5 kHz beep."), ElementsAre("pitch-hz 1500"));
  EXPECT_THAT(claims("There is a pause of one second."), ElementsAre("pause 1"));
  EXPECT_THAT(claims("Then comes half a second of silence."), ElementsAre("pause 0.5"));
  EXPECT_THAT(claims("A 300 ms pause follows."), ElementsAre("pause 0.3"));
  EXPECT_THAT(claims("It pauses for a quarter of a second, a short pause."),
              ElementsAre("pause 0.25"));
  EXPECT_THAT(claims("The clip lasts 2.5 seconds."), ElementsAre("duration 2.5"));
  EXPECT_THAT(claims("The melody rises twice. It goes up 3 times."), ElementsAre("rises 3"));
  EXPECT_THAT(claims("I count 4 rises."), ElementsAre("rises rise 4"));
  EXPECT_THAT(claims("I hear an A4."), ElementsAre("note A4"));
}

TEST(Claims, PresencesVoicesAndTimbre) {
  EXPECT_THAT(claims("There are no pauses."), ElementsAre("pause 0 not"));
  EXPECT_THAT(claims("There is a long pause."), ElementsAre("pause 0"));
  EXPECT_THAT(claims("There is background noise."), ElementsAre("noise"));
  EXPECT_THAT(claims("There is no noise in the background."), ElementsAre("noise not"));
  EXPECT_THAT(claims("It is the same voice."), ElementsAre("one-voice"));
  EXPECT_THAT(claims("They are different speakers."), ElementsAre("one-voice not"));
  EXPECT_THAT(claims("It is played on a flute."), ElementsAre("timbre flute"));
  EXPECT_THAT(claims("It sounds like a sawtooth wave."), ElementsAre("timbre saw"));
  EXPECT_THAT(claims("A male voice speaks."), ElementsAre("impression"));
}

TEST(Claims, ComparisonsOfEvents) {
  EXPECT_THAT(claims("The second note is higher than the first."),
              ElementsAre("compare @2~1 pitch rises"));
  EXPECT_THAT(claims("The first beep is louder than the third one."),
              ElementsAre("compare @1~3 loudness rises"));
  EXPECT_THAT(claims("The third is not longer than the second."),
              ElementsAre("compare @3~2 length rises not"));
  EXPECT_THAT(claims("The highest note is the second."), ElementsAre("highest @2"));
  EXPECT_THAT(claims("The third note is the highest."), ElementsAre("highest @3"));
}

TEST(Claims, DigitLists) {
  EXPECT_THAT(claims("The digits are 3, 7 and 1."), ElementsAre("digits 3,7,1"));
  EXPECT_THAT(claims("I hear three, seven, one."), ElementsAre("digits 3,7,1"));
  EXPECT_THAT(claims("The second digit is 7."), ElementsAre("digit @2 7"));
}

TEST(Claims, WhatIsAskedSupposedOrCitedIsNone) {
  EXPECT_THAT(claims("Does the loudness rise or fall?"), IsEmpty());
  EXPECT_THAT(claims("The question asks whether the pitch rises."), IsEmpty());
  EXPECT_THAT(claims("If the pitch falls, the answer is sad."), IsEmpty());
  EXPECT_THAT(claims("The speaker says \"the pitch falls\"."), IsEmpty());
  EXPECT_THAT(claims("It is rising or falling in loudness."), IsEmpty());
  EXPECT_THAT(claims("The pitch could rise."), IsEmpty());
}

TEST(Claims, NumbersOfOtherThingsAreNone) {
  EXPECT_THAT(claims("First, I count the notes."), IsEmpty());
  EXPECT_THAT(claims("The first two beeps are short."), IsEmpty());
  EXPECT_THAT(claims("The file is sampled at 16000 Hz."), IsEmpty());
  EXPECT_THAT(claims("The sum is 11."), IsEmpty());
  EXPECT_THAT(claims("One of the sounds is short."), IsEmpty());
  EXPECT_THAT(claims("Options: A, B2B, C."), IsEmpty());
}

TEST(Claims, AnyBytesAreRead) {
  EXPECT_THAT(claims(""), IsEmpty());
  EXPECT_THAT(claims("\xff\xfe \x80 ;;;... ,,, \n\n"), IsEmpty());
  std::string endless;
  for (int i = 0; i < 50'000; ++i) endless += "first 3 second rises pause ";
  EXPECT_THAT(claims(endless), IsEmpty()) << "a sentence without an end says nothing";
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "The pitch falls. ";
  EXPECT_EQ(claims(many).size(), 20'000U);
}

TEST(Claims, KnowWhereTheyStand) {
  const std::string thought = "Well. First I hear 3, second 7.";
  const auto found = parse_claims(thought);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(thought.substr(found[1].begin, found[1].end - found[1].begin), "second 7");
  EXPECT_EQ(thought.substr(found[1].value_begin, found[1].value_end - found[1].value_begin), "7");
}

}  // namespace
}  // namespace stapes::reward
