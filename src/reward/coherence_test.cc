#include "reward/coherence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "world/questions.h"
#include "world/random_truth.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

using ::testing::HasSubstr;

class CoherenceOfTask : public ::testing::TestWithParam<int> {};

TEST_P(CoherenceOfTask, ReferenceThoughtsHangTogether) {
  const auto task = static_cast<world::Task>(GetParam());
  std::vector<std::string> questions = world::paraphrases(task);
  questions.push_back(world::canonical_question(task));
  for (uint64_t i = 0; i < 200; ++i) {
    Rng rng(4, static_cast<uint64_t>(task), i);
    const world::Truth truth = world::random_truth(task, rng);
    const std::string thought = world::thinking_for(task, truth);
    const std::string answer = world::answer_for(task, truth);
    const Coherence coherence = check_coherence(thought, answer, questions[i % questions.size()]);
    EXPECT_TRUE(coherence.steps_follow) << thought << "\n" << fmt::format("{}", coherence.reasons);
    EXPECT_EQ(coherence.gives_answer, Support::kYes) << thought << " -> " << answer;
  }
}

TEST_P(CoherenceOfTask, AnotherAnswerIsNotGiven) {
  const auto task = static_cast<world::Task>(GetParam());
  for (uint64_t i = 0; i < 100; ++i) {
    Rng rng(4, static_cast<uint64_t>(task), i);
    const world::Truth truth = world::random_truth(task, rng),
                       other = world::random_truth(task, rng);
    const std::string answer = world::answer_for(task, other);
    if (answer == world::answer_for(task, truth)) continue;
    const std::string thought = world::thinking_for(task, truth);
    const Support support =
        check_coherence(thought, answer, world::canonical_question(task)).gives_answer;
    // A list of digits comes to no single number: that is left to the grader.
    const bool one_of_a_list =
        task == world::Task::kTranscribe && answer.size() == 1 && truth.events.size() > 1;
    EXPECT_EQ(support, one_of_a_list ? Support::kUndecided : Support::kNo)
        << thought << " -> " << answer;
  }
}

TEST_P(CoherenceOfTask, SurrogateThoughtsHangTogetherWithTheirOwnAnswer) {
  const auto task = static_cast<world::Task>(GetParam());
  for (uint64_t i = 0; i < 200; ++i) {
    Rng rng(5, static_cast<uint64_t>(task), i);
    const world::Truth truth = world::random_truth(task, rng);
    const std::string thought = world::surrogate_thinking_for(task, truth);
    const Coherence coherence = check_coherence(thought, world::surrogate_answer_for(task, truth),
                                                world::canonical_question(task));
    EXPECT_TRUE(coherence.coherent()) << thought << "\n"
                                      << fmt::format("{}", fmt::join(coherence.reasons, "; "));
    // A list comes to no count; all others come to their answer.
    if (task != world::Task::kTranscribe) {
      EXPECT_EQ(coherence.gives_answer, Support::kYes) << thought;
    }
  }
}

TEST(Coherence, Tallies) {
  EXPECT_TRUE(check_coherence("1, 2, 3, 4. That makes 4 beats.", "4").coherent());
  EXPECT_FALSE(check_coherence("1, 2, 3, 5. That makes 5 beats.", "5").steps_follow);
  EXPECT_FALSE(check_coherence("1, 2, 3, 4. That makes 5 beats.", "5").steps_follow);
  EXPECT_TRUE(check_coherence("The digits are 1, 3, 7.", "1 3 7").coherent());
  EXPECT_TRUE(check_coherence("I hear: 1, 3, 7. That makes 3 digits.", "3").coherent());
}

INSTANTIATE_TEST_SUITE_P(Tasks, CoherenceOfTask, ::testing::Range(0, world::kTaskCount),
                         [](const auto& tested) {
                           std::string name = world::name(static_cast<world::Task>(tested.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

std::string fault(std::string_view thought, std::string_view answer) {
  const Coherence coherence = check_coherence(thought, answer);
  return fmt::format("{}", fmt::join(coherence.reasons, "; "));
}

TEST(Coherence, WrongStepsAreNamed) {
  EXPECT_THAT(fault("First I hear 3, second 7. 3 + 7 = 11.", "11"), HasSubstr("\"3 + 7 = 11\""));
  EXPECT_THAT(fault("First I hear 3, second 7, third 1. 3 + 7 = 10. 9 + 1 = 10.", "10"),
              HasSubstr("should go on from 10 with 1"));
  EXPECT_THAT(fault("First I hear 3, second 7, third 1. 3 + 7 = 10.", "10"),
              HasSubstr("only 2 of the 3"));
  EXPECT_THAT(fault("First I hear 3, second 7. 3 + 8 = 11.", "11"), HasSubstr("should go on"));
  EXPECT_THAT(fault("First I hear 3, second 7. 3 < 7, so 3.", "3"), HasSubstr("is not so"));
  EXPECT_THAT(fault("First E4; second G4, down. That makes 2 notes.", "2"),
              HasSubstr("from E4 to G4 is not down"));
  EXPECT_THAT(fault("First E4, 0; second G4, up, 2.", "2"), HasSubstr("rise 1 times, not 2"));
  EXPECT_THAT(fault("First E4, best E4 1; second G4, up, best E4 1.", "1"),
              HasSubstr("best of the first 2 notes is 2"));
  EXPECT_THAT(fault("First I hear 3, second 7. That makes 3 digits.", "3"),
              HasSubstr("2 digits are listed, and 3 are counted"));
  EXPECT_THAT(fault("The loudness rises. No, the loudness falls.", "fall"),
              HasSubstr("contradict"));
  EXPECT_THAT(fault("I hear three beeps. I hear four beeps.", "4"), HasSubstr("contradict"));
  EXPECT_THAT(fault("4 * 5 = 21", "21"), HasSubstr("is not so"));
  EXPECT_THAT(fault("First I hear theo; second george, the same voice.", "yes"),
              HasSubstr("theo and george are not the same voice"));
  EXPECT_THAT(fault("First I hear theo; second theo, another voice.", "no"),
              HasSubstr("theo and theo are not another voice"));
  EXPECT_THAT(
      fault("First I hear theo; second george, another voice. The voice stays the same.", "yes"),
      HasSubstr("the speakers named are several"));
}

TEST(Coherence, StepsThatFollow) {
  for (const char* thought :
       {"4 * 5 = 20. 20 / 4 = 5. 7 - 9 = -2. 3 x 3 = 9.", "0.5 + 0.25 = 0.75", "3 = 3, so 3",
        "The pitch rises and then falls.", "There are three beeps and four clicks.",
        "First I hear 3, second 7. 3 + 7 = 10. Check: 7 + 3 = 10."})
    EXPECT_TRUE(check_coherence(thought, "x").steps_follow) << thought;
}

TEST(Coherence, TheEndOfFreeThoughts) {
  const auto support = [](std::string_view thought, std::string_view answer) {
    return check_coherence(thought, answer).gives_answer;
  };
  EXPECT_EQ(support("The pitch falls slowly. So she sounds sad.", "sad"), Support::kYes);
  EXPECT_EQ(support("She sounds sad.", "happy"), Support::kUndecided);
  EXPECT_EQ(support("Two beeps, then three. That makes 5.", "5"), Support::kYes);
  EXPECT_EQ(support("Two beeps, then three. That makes 5.", "6"), Support::kNo);
  EXPECT_EQ(support("The volume increases.", "rise"), Support::kYes);
  EXPECT_EQ(support("It gets softer.", "rise"), Support::kNo);
  EXPECT_EQ(support("So the answer is yes.", "yes"), Support::kYes);
  EXPECT_EQ(support("So the answer is no.", "yes"), Support::kNo);
  EXPECT_EQ(support("", "yes"), Support::kUndecided);
  EXPECT_EQ(support("Hm.", ""), Support::kUndecided);
  EXPECT_EQ(support("It must be the second one, a dog bark.", "dog bark"), Support::kYes);
}

}  // namespace
}  // namespace stapes::reward
