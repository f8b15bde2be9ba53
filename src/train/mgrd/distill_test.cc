#include "train/mgrd/distill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "stapes/error.h"
#include "train/rl/prompt_mix.h"

namespace stapes::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Chains of one question by their lengths; 0: dropped.
std::vector<Chain> chains(const std::vector<size_t>& lengths) {
  std::vector<Chain> all;
  for (size_t i = 0; i < lengths.size(); ++i) {
    Chain chain;
    chain.question = 7;
    chain.sample = static_cast<int>(i);
    chain.ids.assign(std::max<size_t>(lengths[i], 1), static_cast<TokenId>(i));
    chain.report = {{"kept", lengths[i] > 0}};
    all.push_back(std::move(chain));
  }
  return all;
}

std::vector<int> kept_samples(const std::vector<Chain>& all, const DistillRecipe& recipe,
                              uint64_t seed = 1, int64_t* duplicates = nullptr,
                              int64_t* beyond = nullptr) {
  std::vector<const Chain*> pointers;
  for (const Chain& chain : all) pointers.push_back(&chain);
  int64_t same = 0, more = 0;
  std::vector<int> samples;
  for (const Chain* chain : chains_to_keep(pointers, recipe, seed, same, more))
    samples.push_back(chain->sample);
  if (duplicates != nullptr) *duplicates = same;
  if (beyond != nullptr) *beyond = more;
  return samples;
}

TEST(ChainsToKeep, ByLengthOrAtRandomButInTheOrderOfSamples) {
  const std::vector<Chain> all = chains({9, 0, 3, 5, 4, 0, 8});
  int64_t beyond = 0;
  EXPECT_THAT(
      kept_samples(all, {.keep_per_question = 2, .keep = KeepRule::kShortest}, 1, nullptr, &beyond),
      ElementsAre(2, 4));
  EXPECT_EQ(beyond, 3);
  EXPECT_THAT(kept_samples(all, {.keep_per_question = 2, .keep = KeepRule::kLongest}),
              ElementsAre(0, 6));
  EXPECT_THAT(kept_samples(all, {.keep_per_question = 9}), ElementsAre(0, 2, 3, 4, 6));
  std::set<std::vector<int>> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<int> some = kept_samples(all, {.keep_per_question = 2}, seed);
    EXPECT_EQ(some, kept_samples(all, {.keep_per_question = 2}, seed));
    EXPECT_TRUE(std::ranges::is_sorted(some));
    EXPECT_EQ(some.size(), 2U);
    seen.insert(some);
  }
  EXPECT_EQ(seen.size(), 10U) << "each pair of the five comes up";
}

TEST(ChainsToKeep, TheSameTextCountsOnce) {
  std::vector<Chain> all = chains({3, 3, 3});
  all[2].ids = all[0].ids;
  int64_t duplicates = 0;
  EXPECT_THAT(kept_samples(all, {.keep_per_question = 9}, 1, &duplicates), ElementsAre(0, 1));
  EXPECT_EQ(duplicates, 1);
  EXPECT_THAT(kept_samples(all, {.keep_per_question = 9, .distinct = false}), ElementsAre(0, 1, 2));
}

TEST(ChainLine, ComesBackAsItWas) {
  RolloutPrompt prompt;
  prompt.id = "dog.jsonl:3";
  prompt.task = "dogs";
  prompt.messages = {{"user",
                      {ContentPart::of_text("Listen: "), ContentPart::of_audio(0),
                       ContentPart::of_text("How many?")}}};
  prompt.expected.text = "2";
  prompt.origin = {{"audios", {"/x/dog.wav"}}};
  Rollout rollout;
  rollout.ids = {5, 6, 7};
  rollout.text = "Two barks.\n</think>\n2 \xff";
  rollout.thinking = "Two barks.";
  rollout.answer = "2";
  rollout.thought_closed = true;
  reward::GroundingInput input;
  input.question = "How many?";
  input.reply.thinking = rollout.thinking;
  input.reply.answer = rollout.answer;
  input.reply.closed = true;
  input.expected = prompt.expected;
  const reward::GroundingReport report = reward::check_grounding(input);
  const Chain chain = chain_of(prompt, 12, 3, rollout, report);
  const std::string line = to_line(chain);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Chain back = parse_chain(line, "test");
  EXPECT_EQ(to_line(back), line);
  EXPECT_EQ(back.ids, rollout.ids);
  EXPECT_EQ(back.question, 12U);
  EXPECT_EQ(back.sample, 3);
  EXPECT_EQ(back.messages[0]["content"], "Listen: <audio>How many?");
  EXPECT_THAT(back.messages[1]["content"].get<std::string>(),
              HasSubstr("<think>\nTwo barks.\n</think>\n2"));
  EXPECT_EQ(back.origin["audios"][0], "/x/dog.wav");
  EXPECT_EQ(counts_of_report(back.report).stage, report.stage);

  for (const std::string& bad :
       {std::string("nonsense"), std::string("{}"), line.substr(0, line.size() / 2)})
    EXPECT_THROW(parse_chain(bad, "a.jsonl:1"), Error);
}

// A source of numbered prompts.
class Numbers : public PromptSource {
 public:
  Numbers(std::string name, uint64_t count) : name_(std::move(name)), count_(count) {}
  RolloutPrompt get(Phase, uint64_t index) const override {
    RolloutPrompt prompt;
    prompt.id = name_ + std::to_string(index);
    return prompt;
  }
  uint64_t count() const override { return count_; }
  uint64_t evaluation_count() const override { return count_; }
  std::vector<std::string> tasks() const override { return {name_}; }
  std::string fingerprint() const override { return name_; }

 private:
  std::string name_;
  uint64_t count_;
};

TEST(MixedPrompts, KeepTheirSharesAndPassThroughTheirParts) {
  const auto mixed = mixed_prompts(std::make_shared<Numbers>("audio", 0),
                                   std::make_shared<Numbers>("text", 8), 0.4, 5);
  std::map<std::string, int> seen;
  for (uint64_t i = 0; i < 20; ++i) ++seen[mixed->get(Phase::kTraining, i).id];
  int text = 0;
  for (const auto& [id, count] : seen) text += id.starts_with("text") ? count : 0;
  EXPECT_NEAR(text, 8, 1);
  EXPECT_EQ(mixed->tasks(), (std::vector<std::string>{"audio", "text"}));
  EXPECT_EQ(mixed->count(), 0U);
  EXPECT_EQ(mixed->evaluation_count(), 20U) << "8 of text are 0.4 of 20";
  EXPECT_EQ(mixed->get(Phase::kTraining, 3).id, mixed->get(Phase::kTraining, 3).id);
}

TEST(PromptsFrom, OnlyWhereThereIsNoEnd) {
  const auto endless = prompts_from(std::make_shared<Numbers>("n", 0), 100);
  EXPECT_EQ(endless->get(Phase::kTraining, 5).id, "n105");
  EXPECT_EQ(endless->get(Phase::kEvaluation, 5).id, "n5") << "what is held out stays the same";
  const auto few = prompts_from(std::make_shared<Numbers>("n", 10), 100);
  EXPECT_EQ(few->get(Phase::kTraining, 5).id, "n5");
}

}  // namespace
}  // namespace stapes::train
