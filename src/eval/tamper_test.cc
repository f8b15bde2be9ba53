#include "eval/tamper.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "reward/claim_check.h"
#include "world/random_truth.h"
#include "world/world.h"

namespace stapes {
namespace {

class Tamper : public ::testing::TestWithParam<int> {
 protected:
  static world::Truth truth(uint64_t index) {
    Rng rng(9, static_cast<uint64_t>(GetParam()), index);
    return world::random_truth(static_cast<world::Task>(GetParam()), rng);
  }
};

TEST_P(Tamper, ChangesOneThingFromWhichAnotherAnswerFollows) {
  const auto task = static_cast<world::Task>(GetParam());
  int tampered_thoughts = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    const world::Truth clip = truth(i);
    // One digit alone has one voice whoever speaks it.
    if (task == world::Task::kSameSpeaker && clip.events.size() < 2) continue;
    const std::string thought = world::thinking_for(task, clip);
    const auto tampered = tamper_thought(thought, task, clip, i);
    if (!tampered) continue;
    ++tampered_thoughts;
    EXPECT_NE(tampered->expected, world::answer_for(task, clip)) << thought;
    // All before the last word is as it was; the last claim is false now, the others are true.
    const size_t word = tampered->prefix.find_last_of(' ') + 1;
    EXPECT_EQ(tampered->prefix.substr(0, word), thought.substr(0, word));
    EXPECT_NE(tampered->prefix, thought.substr(0, tampered->prefix.size()));
    // "That makes 4" lacks its noun where it is cut.
    const bool is_count = tampered->prefix.find("makes") != std::string::npos;
    const auto claims =
        reward::check_claims(reward::parse_claims(tampered->prefix), {reward::facts_of(clip)});
    // A tally claims nothing before its count.
    if (task == world::Task::kCountBeats) {
      EXPECT_TRUE(is_count && claims.empty()) << tampered->prefix;
      continue;
    }
    ASSERT_FALSE(claims.empty()) << tampered->prefix;
    EXPECT_EQ(claims.back().verdict, is_count ? reward::Verdict::kTrue : reward::Verdict::kFalse)
        << tampered->prefix;
  }
  EXPECT_GE(tampered_thoughts, 45);
}

INSTANTIATE_TEST_SUITE_P(Tasks, Tamper, ::testing::Range(0, world::kTaskCount),
                         [](const auto& tested) {
                           std::string name = world::name(static_cast<world::Task>(tested.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(TamperThought, KnownExamples) {
  world::Truth truth;
  for (const int digit : {3, 7}) truth.events.emplace_back().digit = digit;
  const auto tampered =
      tamper_thought("First I hear 3, second 7. 3 + 7 = 10.", world::Task::kSum, truth, 5);
  ASSERT_TRUE(tampered);
  // Whatever was drawn, the sum is that of the digits as changed.
  const bool first = tampered->prefix.size() == std::string("First I hear 3").size();
  const int changed = tampered->prefix.back() - '0';
  EXPECT_EQ(tampered->expected, std::to_string(first ? changed + 7 : 3 + changed));
  EXPECT_FALSE(tamper_thought("Hm.", world::Task::kSum, truth, 5));
  EXPECT_FALSE(tamper_thought("First I hear 4, second 7.", world::Task::kSum, truth, 5))
      << "a thought that was wrong already says nothing";
}

TEST(TamperThought, LoudnessIsChangedInTheThoughtsOwnWords) {
  world::Truth truth;
  for (const double level_db : {-30.0, -20.0}) {
    world::Event& event = truth.events.emplace_back();
    event.digit = level_db < -25 ? 4 : 2;
    event.level_db = level_db;
  }
  truth.loudness_trend = 1;
  truth.number_trend = -1;
  for (const auto& [thought, prefix] :
       {std::pair{"First -10 dB, second 0 dB. The loudness rises.",
                  "First -10 dB, second 0 dB. The loudness falls"},
        {"The first digit has -10 dB, the last 0 dB. It gets louder.",
         "The first digit has -10 dB, the last 0 dB. It gets softer"}}) {
    const auto tampered = tamper_thought(thought, world::Task::kConflict, truth, 5);
    ASSERT_TRUE(tampered) << thought;
    EXPECT_EQ(tampered->prefix, prefix);
    EXPECT_EQ(tampered->expected, "fall");
  }
}

}  // namespace
}  // namespace stapes
