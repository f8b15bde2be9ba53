#include "reward/grounding_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "reward/reasoning.h"
#include "world/random_truth.h"
#include "world/text_twins.h"

namespace stapes::reward {
namespace {

using ::testing::HasSubstr;

RuleFinding names(std::string_view thought, const GroundingRules& rules = {}) {
  return names_heard_property(thought, parse_claims(thought), rules);
}

TEST(NamesHeardProperty, ByWordOrClaim) {
  for (const char* thought :
       {"Her intonation is flat and tired.", "A drum keeps the rhythm.", "The loudness rises.",
        "There is a muffled hum behind him.", "First I hear 3, second 7.",
        "First E4; second G4, up.", "I hear three knocks.", "他的语速很快，音调上升。"})
    EXPECT_TRUE(names(thought).passed) << thought;
  for (const char* thought : {"The answer must be sad.", "Sad people cry, so B.", "",
                              "The transcript says that he is sad."})
    EXPECT_FALSE(names(thought).passed) << thought;
}

TEST(NamesHeardProperty, WordsAloneMayNotCount) {
  const GroundingRules strict{.heard_words_count = false};
  EXPECT_FALSE(names("First I hear 3, second 7.", strict).passed);
  EXPECT_TRUE(names("First I hear 3, second 7. The pitch falls.", strict).passed);
  // How the digits' values go is words as well; how loud they are is sound.
  EXPECT_FALSE(names("The text lists 2, 5 and 8. The numbers go up.", strict).passed);
  EXPECT_FALSE(names("First I hear 3, second 7. That makes 2 digits.", strict).passed);
  EXPECT_TRUE(names("The first digit has -12 dB, the last 0 dB.", strict).passed);
}

TEST(LeansOnNoText, SurrogatesAreFound) {
  for (const char* thought :
       {"According to the transcript, he is sad.", "The caption says that a dog barks.",
        "Based on the lyrics, the song is about loss.", "The text mentions a train.",
        "From the description I infer rain.", "The provided text describes a storm.",
        "The subtitles read hello.", "As stated in the passage, it rains.",
        "The file name suggests a dog.", "In the transcription he says no.",
        "Let me imagine the lyrics of it.", "根据文本，他很难过。"}) {
    const RuleFinding finding = leans_on_no_text(thought);
    EXPECT_FALSE(finding.passed) << thought;
    EXPECT_GT(finding.end, finding.begin);
  }
}

// A thought in the words of a text twin, on a clip: an imagined transcript.
TEST(LeansOnNoText, EveryThoughtInATwinsStyleIsASurrogateAndNoneAboutTheSound) {
  for (int task_number = 0; task_number < world::kTaskCount; ++task_number) {
    const auto task = static_cast<world::Task>(task_number);
    for (uint64_t i = 0; i < 200; ++i) {
      Rng rng(6, static_cast<uint64_t>(task_number), i);
      const world::Truth truth = world::random_truth(task, rng);
      const std::string surrogate = world::surrogate_thinking_for(task, truth);
      EXPECT_FALSE(leans_on_no_text(surrogate).passed) << surrogate;
      const std::string heard = world::thinking_for(task, truth);
      EXPECT_TRUE(leans_on_no_text(heard).passed) << heard;
      const world::TextExample twin =
          world::text_example(world::twin_name(task), world::Split::kTrain, 6, i);
      EXPECT_FALSE(leans_on_no_text(twin.thinking).passed) << twin.thinking;
    }
  }
}

TEST(LeansOnNoText, SoundAndDenialsAreNone) {
  for (const char* thought :
       {"No transcript is given, so I listen: the pitch falls.", "There are no lyrics in it.",
        "I listen without the text.", "The context suggests a party.",
        "She sings the lyrics with a trembling voice.", "His textured voice is rough.",
        "First I hear 3, second 7.", "I go by the sound rather than the transcript.", ""})
    EXPECT_TRUE(leans_on_no_text(thought).passed)
        << thought << ": " << leans_on_no_text(thought).reason;
}

TEST(LeansOnNoText, MeaningOfWordsWhereItIsAskedFor) {
  const char* thought = "The words suggest a sad mood.";
  EXPECT_TRUE(leans_on_no_text(thought).passed);
  EXPECT_FALSE(leans_on_no_text(thought, {.words_are_surrogate = true}).passed);
  EXPECT_THAT(leans_on_no_text(thought, {.words_are_surrogate = true}).reason,
              HasSubstr("The words suggest"));
}

Reply thought(std::string text, std::string answer = "7", bool closed = true) {
  return {std::move(text), std::move(answer), closed};
}

TEST(ReasoningPresent, TheCheapestThoughtsDoNotCount) {
  struct Case {
    const char* thinking;
    const char* answer;
    const char* reason;
  };
  for (const auto& [thinking, answer, reason] :
       {Case{"", "7", "no words"}, Case{" \n\t ", "7", "no words"}, Case{"...", "7", "no words"},
        Case{"Hm", "7", "1 words"}, Case{"7", "7", "1 words"},
        Case{"so so so so so", "7", "1 different"},
        Case{"The answer is seven", "The answer is seven", "nothing but the answer"},
        Case{"3 7 1 3 7 1", "3 7 1", "nothing but the answer"}}) {
    const ReasoningPresence presence = reasoning_present(thought(thinking, answer));
    EXPECT_FALSE(presence.present) << thinking;
    EXPECT_THAT(presence.reason, HasSubstr(reason)) << thinking;
  }
  EXPECT_FALSE(reasoning_present(thought("First I hear 3, second 7", "", false)).present);
}

TEST(ReasoningPresent, TheShortestOfTheWorldsThoughtsCount) {
  EXPECT_TRUE(reasoning_present(thought("First I hear 3.", "3")).present);
  EXPECT_TRUE(reasoning_present(thought("先听到三，再听到七", "10")).present);
}

TEST(ReasoningPresent, KeysAreObeyed) {
  const Reply reply = thought("First I hear 3, second 7.");
  EXPECT_TRUE(reasoning_present(reply).present);
  EXPECT_FALSE(reasoning_present(reply, {.min_words = 7}).present);
  EXPECT_FALSE(reasoning_present(reply, {.min_tokens = 20}, 19).present);
  EXPECT_TRUE(reasoning_present(reply, {.min_tokens = 20}, 20).present);
  EXPECT_TRUE(reasoning_present(reply, {.min_tokens = 20}).present) << "tokens are not known";
  EXPECT_TRUE(
      reasoning_present(thought("First I hear 3", "3", false), {.must_close = false}).present);
}

}  // namespace
}  // namespace stapes::reward
