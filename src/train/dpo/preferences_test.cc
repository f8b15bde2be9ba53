// Pairs as they are read, split, cut into batches and learned from.
#include "train/dpo/preferences.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numbers>
#include <set>

#include "audio/audio_file.h"
#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"
#include "train/dpo/preference_policy.h"

namespace stapes::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const Tokenizer& tokenizer() {
  static const Tokenizer shared = Tokenizer::parse(testing::tiny_tokenizer_json(), "test");
  return shared;
}

std::string text_of(const ScoredReply& reply, size_t from = 0) {
  return tokenizer().decode(std::span(reply.ids).subspan(from));
}

std::string line(const std::string& question, const std::string& chosen,
                 const std::string& rejected) {
  const nlohmann::json object = {
      {"messages",
       {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", chosen}}}},
      {"rejected_response", rejected}};
  return object.dump() + "\n";
}

class PreferencesTest : public ::testing::Test {
 protected:
  Preferences read(const std::string& lines, int64_t context = 400, bool score_thought = true) {
    write_file_atomically(folder_.path() / "p.jsonl", lines);
    return Preferences::read(folder_.path() / "p.jsonl", tokenizer(),
                             {.score_thought = score_thought, .context_tokens = context});
  }
  std::string refusal(const std::string& lines, int64_t context = 400) {
    try {
      read(lines, context);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
      return error.what();
    }
    return "accepted";
  }
  testing::TemporaryFolder folder_;
};

TEST(ReadReply, BeginsBehindTheOpenedThoughtAndEndsWithItsClosingToken) {
  EXPECT_EQ(text_of(read_reply(tokenizer(), "<think>\nI hear.\n</think>\nYes.", true)),
            "I hear.\n</think>\nYes.<|EOT|>");
  EXPECT_EQ(text_of(read_reply(tokenizer(), "<think>\n\n</think>\nYes.", true)),
            "\n</think>\nYes.<|EOT|>");
  EXPECT_EQ(text_of(read_reply(tokenizer(), "I cannot hear.", true)),
            "\n</think>\nI cannot hear.<|EOT|>")
      << "a reply without a thought gets the empty one";
}

TEST(ReadReply, WithoutTheThoughtTheAnswerCountsAlone) {
  const auto counted = [](const std::string& text) {
    const ScoredReply reply = read_reply(tokenizer(), text, false);
    return text_of(reply, reply.counted_from);
  };
  EXPECT_EQ(counted("<think>\nI hear.\n</think>\nYes, I do."), "Yes, I do.<|EOT|>");
  EXPECT_EQ(counted("No."), "No.<|EOT|>");
  EXPECT_EQ(counted("<think>\nI go on and on"), "<|EOT|>");
  EXPECT_EQ(counted("<think>\nI hear.\n</think>\n"), "<|EOT|>");
  EXPECT_EQ(read_reply(tokenizer(), "<think>\nI hear.\n</think>\nYes.", true).counted_from, 0U);
}

TEST_F(PreferencesTest, BothRepliesAndTheClip) {
  AudioClip clip;
  clip.samples.assign(8000, 0.1F);
  write_wav_file(folder_.path() / "a.wav", clip);
  const Preferences pairs = read(
      R"({"messages":[{"role":"user","content":"<audio>Do you hear?"},{"role":"assistant","content":"Yes."}],"audios":["a.wav"],"rejected_response":"No."})");
  ASSERT_EQ(pairs.count(Phase::kTraining), 1U);
  ASSERT_EQ(pairs.count(Phase::kEvaluation), 1U) << "too few to keep some apart";
  const Preference& pair = pairs.get(Phase::kTraining, 0);
  EXPECT_EQ(pair.id, "p.jsonl:1");
  EXPECT_EQ(pair.chosen_text, "Yes.");
  EXPECT_EQ(text_of(pair.rejected), "\n</think>\nNo.<|EOT|>");
  const RolloutPrompt prompt = pair.prompt();
  ASSERT_EQ(prompt.messages.size(), 1U);
  ASSERT_EQ(prompt.clips.size(), 1U);
  EXPECT_EQ(prompt.clips[0].samples.size(), 8000U);
}

TEST_F(PreferencesTest, SaysWhichLineIsWrongAndWhy) {
  const std::string good = line("q", "a", "b");
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_THAT(refusal(good + line("q", "a", "a")),
              AllOf(HasSubstr("p.jsonl:2"), HasSubstr("same")));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"q"}],"rejected_response":"b"})"),
              HasSubstr("which is preferred"));
  EXPECT_THAT(refusal(line("q", "a", "")), HasSubstr("rejected_response"));
  EXPECT_THAT(
      refusal(R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})"),
      HasSubstr("rejected_response"));
  EXPECT_THAT(refusal(good, 5), HasSubstr("all pairs have more than 5 tokens"));
}

TEST_F(PreferencesTest, LeavesOutWhatIsTooLong) {
  const Preferences pairs = read(line("q", "a", "b") + line("q", "a", std::string(300, 'x')), 60);
  EXPECT_EQ(pairs.count(Phase::kTraining), 1U);
}

TEST_F(PreferencesTest, PromptsNotPairsAreKeptApart) {
  std::string lines;
  for (int i = 0; i < 40; ++i)
    for (const char* worse : {"b", "c"}) lines += line(fmt::format("q{}", i), "a", worse);
  const Preferences pairs = read(lines);
  EXPECT_EQ(pairs.count(Phase::kTraining), 72U);
  ASSERT_EQ(pairs.count(Phase::kEvaluation), 8U);
  std::set<std::string> kept_apart;
  for (size_t i = 0; i < 8; ++i)
    kept_apart.insert(pairs.get(Phase::kEvaluation, i).messages[0].parts[0].text);
  EXPECT_EQ(kept_apart.size(), 4U);
  for (size_t i = 0; i < 72; ++i)
    EXPECT_FALSE(kept_apart.contains(pairs.get(Phase::kTraining, i).messages[0].parts[0].text));
}

// A random model, and pairs of all kinds about clips of two lengths.
class PolicyTest : public PreferencesTest {
 protected:
  PolicyTest() {
    write_file_atomically(folder_.path() / "tokenizer.json", testing::tiny_tokenizer_json());
    for (const char* name : {"a", "b"}) {
      AudioClip clip;
      for (int i = 0; i < (*name == 'a' ? 8000 : 13000); ++i)
        clip.samples.push_back(0.3F * static_cast<float>(std::sin(0.05 * i)));
      write_wav_file(folder_.path() / (std::string(name) + ".wav"), clip);
    }
    std::string lines = line("Without any sound?", "Yes.", "No, never.");
    for (int i = 0; i < 6; ++i) {
      const std::string thought(static_cast<size_t>(3 * i + 1), 't');
      auto object = nlohmann::json::parse(line(
          "<audio>Do you hear?", "<think>\n" + thought + "\n</think>\nI hear it.", "I cannot."));
      object["audios"] = {i % 2 == 0 ? "a.wav" : "b.wav"};
      lines += object.dump() + "\n";
    }
    lines_ = lines;
  }

  static DpoRecipe recipe(const std::string& more = "") {
    return parse_dpo_recipe("name = \"t\"\n[model]\ninit = \"m\"\n" + more, "test.toml");
  }
  PreferencePolicy policy(const DpoRecipe& recipe) const {
    return {recipe,
            config_,
            Parameters::random(config_, 5),
            static_cast<int64_t>(tokenizer().size()),
            10,
            torch::kCPU};
  }
  // The batches of all pairs, in this order.
  std::vector<PairBatch> batches(const Preferences& pairs, int64_t most_rows,
                                 const std::vector<size_t>& order) const {
    std::vector<const Preference*> chosen;
    std::vector<RolloutPrompt> prompts;
    for (const size_t i : order) {
      chosen.push_back(&pairs.get(Phase::kTraining, i));
      prompts.push_back(chosen.back()->prompt());
    }
    const Parameters encoder = Parameters::random(config_, 5);
    const auto read = read_prompts(prompts, tokenizer(), encoder, config_, torch::kCPU);
    return make_pair_batches(read, chosen, most_rows, torch::kCPU);
  }

  ModelConfig config_ = [] {
    ModelConfig config = testing::tiny_test_config();
    config.decoder.vocabulary = static_cast<int64_t>(tokenizer().size());
    return config;
  }();
  std::string lines_;
  const std::vector<size_t> order_ = {0, 1, 2, 3, 4, 5, 6};
};

TEST_F(PolicyTest, TheLossOfTheStartIsLn2AndItsMarginZeroToTheLastBit) {
  const Preferences pairs = read(lines_);
  const DpoRecipe recipe = this->recipe();
  PreferencePolicy policy = this->policy(recipe);
  const auto all = batches(pairs, 120, order_);
  EXPECT_GT(all.size(), 2U);
  const PairScores reference = policy.score(all, 7);
  const PreferenceFigures figures = policy.gradients(all, reference);
  EXPECT_EQ(figures.margin, 0);
  EXPECT_EQ(figures.chosen_reward, 0);
  EXPECT_EQ(figures.rejected_reward, 0);
  EXPECT_DOUBLE_EQ(figures.dpo_loss, std::numbers::ln2);
  EXPECT_EQ(figures.loss, figures.dpo_loss);
}

// Each reply by itself, without any packing.
TEST_F(PolicyTest, SharedRowsGiveWhatEachReplyGivesAlone) {
  const Preferences pairs = read(lines_);
  const DpoRecipe recipe = this->recipe();
  const PreferencePolicy policy = this->policy(recipe);
  const PairScores together = policy.score(batches(pairs, 4096, order_), 7);
  const torch::NoGradGuard no_grad;
  const Parameters& weights = policy.parameters();
  for (size_t i = 0; i < 7; ++i) {
    const Preference& pair = pairs.get(Phase::kTraining, i);
    const std::vector<RolloutPrompt> prompts = {pair.prompt()};
    const auto read = read_prompts(prompts, tokenizer(), weights, config_, torch::kCPU);
    for (const bool chosen : {true, false}) {
      std::vector<Rollout> reply(1);
      reply[0].ids = (chosen ? pair.chosen : pair.rejected).ids;
      const MicroBatch rows = make_micro_batches(read, reply, 4096, torch::kCPU).front();
      const torch::Tensor audio =
          rows.encoded.defined() ? adapt_audio(weights, rows.encoded) : torch::Tensor();
      const torch::Tensor hidden = decode(weights, config_, rows.rows, audio);
      const torch::Tensor logits = language_model_head(
          weights, hidden.reshape({-1, hidden.size(2)}).index_select(0, rows.predictors));
      const double alone =
          torch::log_softmax(logits, 1).gather(1, rows.targets.unsqueeze(1)).sum().item<double>();
      EXPECT_NEAR((chosen ? together.chosen : together.rejected)[i], alone, 1e-3) << i;
    }
  }
}

std::map<std::string, torch::Tensor> gradients_of(const Parameters& parameters) {
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& name : parameters.names())
    if (parameters[name].grad().defined()) gradients[name] = parameters[name].grad().clone();
  return gradients;
}

TEST_F(PolicyTest, GradientsDoNotDependOnMicroBatchesOrOrder) {
  const Preferences pairs = read(lines_);
  const DpoRecipe recipe = this->recipe("[loss]\nbeta = 0.5\nnll_weight = 0.3\n");
  PreferencePolicy policy = this->policy(recipe);
  PairScores reference = policy.score(batches(pairs, 4096, order_), 7);
  for (size_t i = 0; i < 7; ++i) reference.chosen[i] += 0.5 * static_cast<double>(i) - 1.1;

  const PreferenceFigures whole = policy.gradients(batches(pairs, 4096, order_), reference);
  const auto expected = gradients_of(policy.parameters());
  EXPECT_FALSE(expected.contains("encoder.conv1.weight"));
  ASSERT_GT(expected.size(), 5U);
  const std::vector<size_t> other = {3, 6, 0, 2, 5, 1, 4};
  PairScores reordered;
  for (const size_t i : other) {
    reordered.chosen.push_back(reference.chosen[i]);
    reordered.rejected.push_back(reference.rejected[i]);
  }
  for (const int64_t rows : {1, 150}) {
    const PreferenceFigures cut = policy.gradients(batches(pairs, rows, other), reordered);
    EXPECT_NEAR(cut.loss, whole.loss, 1e-6);
    EXPECT_NEAR(cut.margin, whole.margin, 1e-5);
    EXPECT_DOUBLE_EQ(cut.accuracy, whole.accuracy);
    for (const auto& [name, gradient] : gradients_of(policy.parameters()))
      EXPECT_LT((gradient - expected.at(name)).norm().item<double>(),
                1e-4 * expected.at(name).norm().item<double>() + 1e-7)
          << name << " with " << rows << " rows";
  }
}

TEST_F(PolicyTest, UpdatesPreferTheChosenAndLeaveTheEncoderAlone) {
  const Preferences pairs = read(lines_);
  for (const bool adaptor : {true, false}) {
    const DpoRecipe recipe = this->recipe(fmt::format(
        "[optimizer]\nlearning_rate = 1e-3\nwarmup_steps = 0\ntrain_adaptor = {}\n", adaptor));
    PreferencePolicy policy = this->policy(recipe);
    const auto all = batches(pairs, 4096, order_);
    const PairScores reference = policy.score(all, 7);
    PreferenceFigures figures;
    for (int64_t step = 0; step < 12; ++step) figures = policy.update(all, reference, step);
    EXPECT_LT(figures.loss, 0.5);
    EXPECT_GT(figures.margin, 0.3);
    EXPECT_EQ(figures.accuracy, 1);
    const Parameters start = Parameters::random(config_, 5);
    for (const auto& name : start.names()) {
      const bool same = torch::equal(start[name], policy.parameters()[name].detach());
      const bool frozen =
          name.starts_with("encoder.") || (name.starts_with("adapter.") && !adaptor);
      const bool is_of_adaptor = name.starts_with("adapter.");
      if (frozen || is_of_adaptor) {
        EXPECT_EQ(same, frozen) << name;
      }
    }
  }
}

TEST_F(PolicyTest, ALossThatIsNotFiniteTouchesNoWeight) {
  const Preferences pairs = read(lines_);
  const DpoRecipe recipe = this->recipe("[optimizer]\nlearning_rate = 1e-3\nwarmup_steps = 0\n");
  PreferencePolicy policy = this->policy(recipe);
  const auto all = batches(pairs, 4096, order_);
  PairScores reference = policy.score(all, 7);
  reference.chosen[3] = -std::numeric_limits<double>::infinity();
  reference.rejected[3] = -std::numeric_limits<double>::infinity();
  EXPECT_FALSE(policy.update(all, reference, 0).finite);
  const Parameters start = Parameters::random(config_, 5);
  for (const auto& name : start.names())
    EXPECT_TRUE(torch::equal(start[name], policy.parameters()[name].detach())) << name;
}

TEST_F(PolicyTest, OnlyTheCountedTokensAreScored) {
  const DpoRecipe recipe = this->recipe();
  const PreferencePolicy policy = this->policy(recipe);
  const Preferences with = read(lines_), without = read(lines_, 400, false);
  const PairScores all = policy.score(batches(with, 4096, order_), 7);
  const PairScores answers = policy.score(batches(without, 4096, order_), 7);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_LT(all.chosen[i], answers.chosen[i]) << "more tokens are less likely";
    EXPECT_LT(answers.chosen[i], 0);
  }
}

}  // namespace
}  // namespace stapes::train
