#include <gtest/gtest.h>

#include <set>

#include "world/world.h"

namespace stapes::world {
namespace {

Truth spoken(const std::vector<int>& values) {
  Truth truth;
  for (const int value : values) truth.events.emplace_back().digit = value;
  return truth;
}

Truth played(const std::vector<int>& midi_notes, int trend = 0) {
  Truth truth;
  truth.loudness_trend = trend;
  for (const int note : midi_notes) truth.events.emplace_back().midi_note = note;
  return truth;
}

TEST(Misheard, OneThingIsOtherThanItWasAndTheRestFollows) {
  const Truth three = spoken({3, 7, 1});
  const Truth melody = played({64, 67, 62, 62});
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Truth heard = misheard(Task::kSum, three, seed);
    int others = 0, sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      others += heard.events[i].digit != three.events[i].digit;
      EXPECT_TRUE(heard.events[i].digit >= 0 && heard.events[i].digit <= 9);
      sum += heard.events[i].digit;
    }
    EXPECT_EQ(others, 1);
    EXPECT_EQ(answer_for(Task::kSum, heard), std::to_string(sum));
    EXPECT_NE(answer_for(Task::kSum, heard), "11");
    EXPECT_EQ(thinking_for(Task::kSum, heard),
              thinking_for(Task::kSum, misheard(Task::kSum, three, seed)));
    // Where they are counted, one is missed.
    EXPECT_EQ(answer_for(Task::kCountNotes, misheard(Task::kCountNotes, melody, seed)), "3");
    // The course of a loudness is turned round, with the levels that are named.
    Truth rising = played({64, 67, 62}, +1);
    for (size_t i = 0; i < 3; ++i) rising.events[i].level_db = -30.0 + 6 * static_cast<double>(i);
    EXPECT_EQ(thinking_for(Task::kLoudness, misheard(Task::kLoudness, rising, seed)),
              "First 0 dB, second -6 dB, third -12 dB. The loudness falls.");
  }
  Truth steady = played({64, 67});
  steady.events[0].level_db = -3;
  EXPECT_EQ(thinking_for(Task::kLoudness, misheard(Task::kLoudness, steady, 1)),
            thinking_for(Task::kLoudness, steady));
  std::set<std::string> thoughts;
  for (uint64_t seed = 0; seed < 50; ++seed)
    thoughts.insert(thinking_for(Task::kCountRises, misheard(Task::kCountRises, melody, seed)));
  EXPECT_GT(thoughts.size(), 10U);
  EXPECT_EQ(misheard(Task::kCountDigits, spoken({5}), 1).events.size(), 1U);
}

}  // namespace
}  // namespace stapes::world
