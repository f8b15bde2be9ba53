// What is asked about the world's clips, and the texts without sound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "stapes/error.h"
#include "text/bpe_trainer.h"
#include "train/data/batch.h"
#include "train/data/source.h"
#include "world/test_support.h"
#include "world/text_twins.h"

namespace stapes::train {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

const Tokenizer& world_tokenizer() {
  static const Tokenizer shared = Tokenizer::parse(
      train_tokenizer_json(world::text_corpus(400, world::CorpusTexts::kAll), 60), "test");
  return shared;
}

class WorldSourceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<world::test::TemporaryFolder>();
    world::test::write_tone_digits(folder_->path());
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static DataRecipe recipe(std::vector<std::string> tasks) {
    DataRecipe recipe;
    recipe.digits_folder = folder_->path();
    recipe.tasks = std::move(tasks);
    recipe.paraphrase_share = 0;
    recipe.question_first_share = 0;
    recipe.thinking_share = 1;
    return recipe;
  }
  static std::vector<TrainingExample> examples(const DataRecipe& recipe, uint64_t count) {
    const auto source = world_source(recipe, 3, world_tokenizer(), 80);
    std::vector<TrainingExample> examples;
    for (uint64_t i = 0; i < count; ++i) examples.push_back(source->get(Phase::kTraining, i, 0));
    return examples;
  }
  // Everything that is said in the questions and replies.
  static std::string text_of(const TrainingExample& example) {
    std::string text;
    for (const TokenId id : example.ids) text += world_tokenizer().decode({&id, 1});
    return text;
  }
  static inline std::unique_ptr<world::test::TemporaryFolder> folder_;
};

// What models/tiny was trained on: naming its tasks, or none, must be the same data.
TEST_F(WorldSourceTest, TasksThatNobodyNamesAreTheFirstNine) {
  const auto unnamed = examples(recipe({}), 40);
  const auto named =
      examples(recipe({"transcribe", "count-digits", "sum", "largest", "same-speaker",
                       "count-notes", "count-rises", "highest-note", "loudness"}),
               40);
  for (size_t i = 0; i < unnamed.size(); ++i) {
    EXPECT_EQ(unnamed[i].ids, named[i].ids);
    EXPECT_EQ(unnamed[i].mels[0].values, named[i].mels[0].values);
    EXPECT_THAT(text_of(unnamed[i]), Not(AnyOf(HasSubstr("beats"), HasSubstr("softer"))));
  }
}

TEST_F(WorldSourceTest, OnlyNamedTasksAreAsked) {
  int conflicts = 0, beats = 0, sums = 0;
  for (const auto& example : examples(recipe({"conflict", "count-beats", "sum"}), 90)) {
    const std::string text = text_of(example);
    const bool conflict = text.find("Does it rise or fall?") != std::string::npos;
    const bool beat = text.find("How many beats are there?") != std::string::npos;
    const bool sum = text.find("What is the sum of the digits?") != std::string::npos;
    EXPECT_TRUE(conflict || beat || sum) << text;
    EXPECT_FALSE(beat && (conflict || sum));
    EXPECT_THAT(text, Not(HasSubstr("How many digits")));
    conflicts += conflict;
    beats += beat;
    sums += sum && !conflict;
  }
  EXPECT_NEAR(conflicts, 30, 15);
  EXPECT_NEAR(beats, 30, 15);
  EXPECT_NEAR(sums, 30, 15);
}

TEST_F(WorldSourceTest, AnySingleTaskCanBeAsked) {
  for (int task = 0; task < world::kTaskCount; ++task) {
    const auto asked = static_cast<world::Task>(task);
    for (const auto& example : examples(recipe({world::name(asked)}), 12))
      EXPECT_THAT(text_of(example), HasSubstr(world::canonical_question(asked)));
  }
  EXPECT_THROW(world_source(recipe({"dance"}), 3, world_tokenizer(), 80), Error);
}

TEST_F(WorldSourceTest, PulsesHaveAPlaceAndALevelButNoClass) {
  for (const auto& example : examples(recipe({"count-beats"}), 12)) {
    const FrameTargets& frames = example.frames;
    EXPECT_THAT(frames.sound, Each(0));
    EXPECT_THAT(frames.speaker, Each(0));
    std::set<int32_t> ordinals(frames.ordinal.begin(), frames.ordinal.end());
    EXPECT_TRUE(ordinals.contains(1) && ordinals.contains(3));
    int32_t last = 0;
    size_t onsets = 0;
    for (size_t i = 0; i < frames.ordinal.size(); ++i) {
      EXPECT_LT(frames.ordinal[i], kOrdinalClasses);
      EXPECT_LT(frames.level[i], kLevelClasses);
      EXPECT_EQ(frames.level[i] > 0, frames.ordinal[i] > 0);
      if (frames.ordinal[i] == 0) continue;
      ++onsets;
      EXPECT_GE(frames.ordinal[i], last);
      last = frames.ordinal[i];
    }
    const std::string text = text_of(example);
    EXPECT_THAT(text, HasSubstr("That makes " + std::to_string(onsets) + " beats."));
  }
}

TEST_F(WorldSourceTest, SurrogatesLeadToWhatTheWordsSay) {
  DataRecipe all = recipe({"conflict"});
  all.surrogate_share = 1;
  all.questions_per_clip = 1;
  int against = 0;
  const auto plain = examples(recipe({"conflict"}), 30), surrogate = examples(all, 30);
  for (size_t i = 0; i < plain.size(); ++i) {
    const std::string text = text_of(surrogate[i]), heard = text_of(plain[i]);
    EXPECT_THAT(text, HasSubstr("The text lists"));
    const bool up = text.find("The numbers go up.") != std::string::npos;
    EXPECT_THAT(text, HasSubstr(up ? "</think>\nrise" : "</think>\nfall"));
    EXPECT_EQ(plain[i].mels[0].values, surrogate[i].mels[0].values);
    against += (heard.find("</think>\nrise") != std::string::npos) != up;
  }
  EXPECT_NEAR(against, 15, 11);
}

TEST_F(WorldSourceTest, SomeThoughtsHearOneThingWrongly) {
  DataRecipe some = recipe({"transcribe"});
  some.questions_per_clip = 1;
  const auto right = examples(some, 60);
  some.misheard_share = 0.5;
  const auto mixed = examples(some, 60);
  int wrong = 0;
  for (size_t i = 0; i < mixed.size(); ++i) {
    const std::string text = text_of(mixed[i]);
    const std::string answer = text.substr(text.find("</think>"));
    wrong += text_of(right[i]).find(answer) == std::string::npos;
    EXPECT_EQ(right[i].mels[0].values, mixed[i].mels[0].values);
  }
  EXPECT_NEAR(wrong, 30, 14);
}

// What is in the loss, and what stands before it.
std::pair<std::string, std::string> reply_and_prompt(const TrainingExample& example) {
  std::string reply, prompt;
  for (size_t i = 0; i < example.labels.size(); ++i) {
    if (example.labels[i] != kIgnore) reply += world_tokenizer().decode({&example.labels[i], 1});
    if (i == 0 || example.labels[i - 1] == kIgnore)
      prompt += world_tokenizer().decode({&example.ids[i], 1});
  }
  return {reply, prompt};
}

TEST_F(WorldSourceTest, CutThoughtsAreGivenAndOnlyTheAnswerIsLearned) {
  DataRecipe cut = recipe({"sum"});
  cut.questions_per_clip = 1;
  const auto whole = examples(cut, 40);
  cut.cut_thought_share = 1;
  std::set<size_t> lengths;
  const auto cuts = examples(cut, 40);
  for (size_t i = 0; i < cuts.size(); ++i) {
    const auto [thought, start] = reply_and_prompt(whole[i]);
    const auto [answer, prompt] = reply_and_prompt(cuts[i]);
    EXPECT_THAT(thought, ::testing::EndsWith("</think>\n" + answer));
    EXPECT_THAT(answer, Not(HasSubstr("think")));
    ASSERT_THAT(prompt, ::testing::StartsWith(start));
    ASSERT_THAT(prompt, ::testing::EndsWith("\n</think>\n"));
    const std::string given = prompt.substr(
        start.size(), prompt.size() - start.size() - std::string("\n</think>\n").size());
    EXPECT_FALSE(given.empty());
    EXPECT_THAT(thought, ::testing::StartsWith(given));
    lengths.insert(given.size());
  }
  EXPECT_GT(lengths.size(), 10U);
}

TEST(TextSource, IsTextWithTheWantedShareOfThinking) {
  const auto source = text_source({.thinking_share = 0.5}, 7, world_tokenizer());
  int thoughts = 0;
  constexpr uint64_t kCount = 400;
  std::vector<TrainingExample> some;
  for (uint64_t i = 0; i < kCount; ++i) {
    const TrainingExample example = source->get(Phase::kTraining, i, 0);
    EXPECT_TRUE(example.mels.empty());
    EXPECT_TRUE(example.audio_spans.empty());
    std::vector<TokenId> reply;
    for (const TokenId label : example.labels)
      if (label != kIgnore) reply.push_back(label);
    const std::string text = world_tokenizer().decode(reply);
    EXPECT_THAT(text, HasSubstr("<|EOT|>"));
    thoughts += text.find("</think>") != std::string::npos;
    if (i < 8) some.push_back(example);
  }
  EXPECT_NEAR(thoughts, kCount / 2, 60);
  EXPECT_EQ(source->get(Phase::kTraining, 5, 0).ids, source->get(Phase::kTraining, 5, 9).ids);
  EXPECT_NE(source->get(Phase::kTraining, 5, 0).ids, source->get(Phase::kEvaluation, 5, 0).ids);
  const Batch batch = make_batch(some, 80);
  EXPECT_EQ(batch.clips, 0);
  EXPECT_GT(batch.tokens_in_loss, 0);
}

TEST(TextSource, TasksCanBeNamed) {
  const auto source =
      text_source({.tasks = {"text-conflict"}, .thinking_share = 1}, 7, world_tokenizer());
  for (uint64_t i = 0; i < 20; ++i)
    EXPECT_THAT(world_tokenizer().decode(source->get(Phase::kTraining, i, 0).ids),
                HasSubstr("The numbers go"));
  EXPECT_NE(source->fingerprint(), text_source({}, 7, world_tokenizer())->fingerprint());
  EXPECT_THROW(text_source({.tasks = {"sum"}}, 7, world_tokenizer()), Error);
  EXPECT_THROW(text_source({.thinking_share = 2}, 7, world_tokenizer()), Error);
}

}  // namespace
}  // namespace stapes::train
