// Reinforcement as a whole: reward rises, runs resume bit for bit, and it says what is wrong.
#include "train/run/rl.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"
#include "train/run/checkpoint.h"
#include "train/run/init.h"
#include "train/testing/full_disk.h"
#include "train/testing/runs.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct RlSettings {
  std::string run;
  int64_t iterations = 4;
  std::string model = (fs::path(STAPES_SOURCE_DIR) / "models" / "tiny").string();
  std::string more = {};  // sections beyond those below
  int samples = 4;
  int max_tokens = 60;
  std::string policy = "learning_rate = 1e-4\nwarmup_updates = 2\n";
  std::string logging = "evaluate_every = 3\nevaluation_prompts = 4\ncheckpoint_every = 2\n";
};

class RlTest : public ::testing::Test {
 protected:
  RlRecipe recipe(const RlSettings& s) const {
    return parse_rl_recipe(
        fmt::format("name = \"t\"\nrun_folder = \"{}\"\n[model]\ninit = \"{}\"\n[data]\ntasks = "
                    "[\"count-notes\", \"loudness\"]\nmax_notes = 4\n[rollout]\nprompts = "
                    "3\nsamples = {}\nmax_tokens = {}\nlive_sequences = 16\n[policy]\n{}[critic]\n"
                    "learning_rate = 1e-3\nminibatches = 2\nwarmup_updates = 0\nwarmup_iterations "
                    "= 1\n[logging]\n{}[run]\niterations = {}\n{}",
                    (folder_.path() / s.run).string(), s.model, s.samples, s.max_tokens, s.policy,
                    s.logging, s.iterations, s.more),
        "test.toml");
  }
  testing::TemporaryFolder folder_;
};

TEST_F(RlTest, AStoppedAndResumedRunEqualsAnUninterruptedOneBitForBit) {
  const RlRecipe whole = recipe({.run = "whole", .iterations = 6});
  EXPECT_TRUE(run_rl(whole, {}).finished);

  const RlRecipe parts = recipe({.run = "parts", .iterations = 6});
  for (const char* until : {"step-00000000", "step-00000002", "step-00000004"}) {
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
      while (!fs::exists(parts.run_folder / "checkpoints" / until))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stop = true;
    });
    const bool first = std::string(until) == "step-00000000";
    EXPECT_FALSE(run_rl(parts, {.resume = !first, .stop = &stop}).finished);
    stopper.join();
  }
  EXPECT_TRUE(run_rl(parts, {.resume = true}).finished);

  // The optimizers' files name tensors by their addresses; what is in them shows in the weights.
  const auto file = [](const RlRecipe& r, const char* name) {
    return read_file(r.run_folder / "checkpoints" / "step-00000006" / name);
  };
  for (const char* name : {"model.safetensors", "critic.safetensors"})
    EXPECT_TRUE(file(whole, name) == file(parts, name)) << name;
  const auto progress = [&](const RlRecipe& r) {
    return nlohmann::json::parse(file(r, "state.json")).at("progress");
  };
  EXPECT_EQ(progress(whole), progress(parts));
  for (const char* csv : {"metrics.csv", "test.csv"})
    EXPECT_EQ(without_times(whole.run_folder / csv), without_times(parts.run_folder / csv));
  EXPECT_EQ(read_file(whole.run_folder / "completions.jsonl"),
            read_file(parts.run_folder / "completions.jsonl"));
}

// Right is a reply that begins with an even id: a random model does so half the time.
class BeginsEven : public RewardFunction {
 public:
  std::vector<std::string> parts() const override { return {kAccuracyPart}; }
  std::vector<Reward> grade(std::span<const Completion> completions) override {
    std::vector<Reward> rewards;
    for (const Completion& completion : completions) {
      const double right = completion.ids.front() % 2 == 0 ? 1 : 0;
      rewards.push_back({.total = right, .parts = {{kAccuracyPart, right}}});
    }
    return rewards;
  }
};

class RlLearningTest : public RlTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RlLearningTest, RewardRisesOnATrivialTask) {
  const fs::path model = folder_.path() / "random";
  init_model(model, {.like = "tiny",
                     .encoder_layers = 1,
                     .decoder_layers = 1,
                     .tokenizer_merges = 60,
                     .dtype = DType::kF32});
  const RlRecipe learning =
      recipe({.run = "learning",
              .iterations = 20,
              .model = model.string(),
              .more = fmt::format("[advantage]\nestimator = \"{}\"\n", GetParam()),
              .samples = 16,
              .max_tokens = 3,
              .policy = "learning_rate = 5e-3\nwarmup_updates = 0\n",
              .logging = "evaluation_prompts = 0\ncheckpoint_every = 100\n"});
  const RlResult result = run_rl(learning, {.reward = std::make_shared<BeginsEven>()});
  std::ifstream csv(learning.run_folder / "metrics.csv");
  std::string header, first;
  std::getline(csv, header);
  std::getline(csv, first);
  const double before = std::stod(first.substr(first.find(',') + 1));
  EXPECT_LT(before, 0.7);
  EXPECT_GT(result.reward, 0.9) << "from " << before;
}

INSTANTIATE_TEST_SUITE_P(Estimators, RlLearningTest, ::testing::Values("gae", "grpo", "rloo"));

TEST_F(RlTest, RefusesToTrainOnWhatItWouldNotSample) {
  const RlRecipe strict = recipe({.run = "strict"});
  RlRecipe tight = strict;
  tight.rollout.mismatch_max = 1e-12;
  EXPECT_THAT(refusal([&] { run_rl(tight, {}); }),
              AllOf(HasSubstr("log-probabilities"), HasSubstr("rollout.mismatch_max 1e-12")));
  EXPECT_EQ(latest_checkpoint(strict.run_folder)->filename(), "step-00000000");
}

TEST_F(RlTest, RefusesWhatChangedUnderResume) {
  run_rl(recipe({.run = "r", .iterations = 1}), {});
  EXPECT_THAT(refusal([&] { run_rl(recipe({.run = "r", .iterations = 1}), {}); }),
              HasSubstr("already holds a run"));
  EXPECT_THAT(refusal([&] { run_rl(recipe({.run = "r", .iterations = 2}), {.resume = true}); }),
              HasSubstr("recipe is not the one"));
  EXPECT_THAT(refusal([&] { run_rl(recipe({.run = "none"}), {.resume = true}); }),
              HasSubstr("no checkpoint"));
}

TEST_F(RlTest, RefusesAnotherStartingModelUnderResume) {
  const fs::path model = folder_.path() / "model";
  fs::copy(fs::path(STAPES_SOURCE_DIR) / "models" / "tiny", model);
  const RlRecipe r = recipe({.run = "r", .iterations = 1, .model = model.string()});
  run_rl(r, {});
  init_model(folder_.path() / "other", {.like = "tiny", .tokenizer_merges = 60});
  for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"})
    fs::copy_file(folder_.path() / "other" / file, model / file,
                  fs::copy_options::overwrite_existing);
  EXPECT_THAT(refusal([&] { run_rl(r, {.resume = true}); }), HasSubstr("have changed"));
}

class Constant : public RewardFunction {
 public:
  explicit Constant(double total) : total_(total) {}
  std::vector<std::string> parts() const override { return {kAccuracyPart}; }
  std::vector<Reward> grade(std::span<const Completion> completions) override {
    return std::vector<Reward>(completions.size(),
                               {.total = total_, .parts = {{kAccuracyPart, 0}}});
  }

 private:
  double total_;
};

// Finite, but not in f32: the critic's loss is infinite.
TEST_F(RlTest, StopsAfterThreeIterationsThatAreNotFiniteAndKeepsTheBatch) {
  const RlRecipe r = recipe({.run = "r", .iterations = 9});
  const std::string said =
      refusal([&] { run_rl(r, {.reward = std::make_shared<Constant>(1e300)}); });
  EXPECT_THAT(said, AllOf(HasSubstr("3 steps in a row"), HasSubstr("not finite"),
                          HasSubstr("step-00000002"), HasSubstr("bad-step-00000002.json")));
  const auto batch = nlohmann::json::parse(read_file(r.run_folder / "bad-step-00000002.json"));
  EXPECT_EQ(batch.at("replies").size(), 12U);
  EXPECT_FALSE(batch.at("replies").at(0).at("log_probs").empty());
}

TEST_F(RlTest, RefusesARewardThatIsNoNumber) {
  EXPECT_THAT(
      refusal([&] { run_rl(recipe({.run = "r"}), {.reward = std::make_shared<Constant>(NAN)}); }),
      AllOf(HasSubstr("the reward of a reply to"), HasSubstr("nan")));
}

// Nobody could judge: not the same as wrong.
class EveryOther : public RewardFunction {
 public:
  std::vector<std::string> parts() const override { return {kAccuracyPart}; }
  std::vector<Reward> grade(std::span<const Completion> completions) override {
    std::vector<Reward> rewards(completions.size());
    for (size_t i = 0; i < rewards.size(); i += 2)
      rewards[i] = {.total = 1, .parts = {{kAccuracyPart, 1}}};
    return rewards;
  }
};
class Nobody : public EveryOther {
 public:
  std::vector<Reward> grade(std::span<const Completion> completions) override {
    return std::vector<Reward>(completions.size());
  }
};

TEST_F(RlTest, RepliesThatNobodyCanJudgeAreLeftOut) {
  const RlRecipe r =
      recipe({.run = "r", .iterations = 2, .logging = "completions = 0\nevaluation_prompts = 0\n"});
  const RlResult result = run_rl(r, {.reward = std::make_shared<EveryOther>()});
  EXPECT_EQ(result.reward, 1);
  const std::string completions = read_file(r.run_folder / "completions.jsonl");
  EXPECT_EQ(std::ranges::count(completions, '\n'), 2 * 6);
  EXPECT_THAT(refusal([&] {
                run_rl(recipe({.run = "none", .logging = "evaluation_prompts = 0\n"}),
                       {.reward = std::make_shared<Nobody>()});
              }),
              AllOf(HasSubstr("3 steps in a row"), HasSubstr("no reply could be graded")));
}

TEST_F(RlTest, SaysWhereNoPromptIsOfTheWantedDifficulty) {
  const RlRecipe r = recipe({.run = "r", .more = "[selection]\npool = 5\n"});
  EXPECT_THAT(refusal([&] { run_rl(r, {.reward = std::make_shared<Constant>(0)}); }),
              AllOf(HasSubstr("no prompt of 5 was answered right 3 to 6 times of 8"),
                    HasSubstr("selection.json")));
  const auto selection = nlohmann::json::parse(read_file(r.run_folder / "selection.json"));
  EXPECT_EQ(selection.at("histogram"), nlohmann::json({5, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(RlTest, TrainsOnSelectedPromptsOnly) {
  const RlRecipe r = recipe({.run = "r",
                             .iterations = 2,
                             .more = "[selection]\npool = 6\nlowest = 0\nhighest = 0\n",
                             .logging = "completions = 0\nevaluation_prompts = 0\n"});
  // Prompts 1 and 4 of the pool are never answered right.
  class ByPrompt : public RewardFunction {
   public:
    std::vector<std::string> parts() const override { return {kAccuracyPart}; }
    std::vector<Reward> grade(std::span<const Completion> completions) override {
      std::vector<Reward> rewards;
      for (const Completion& completion : completions) {
        const bool hard =
            completion.prompt->id == "loudness/0" || completion.prompt->id == "count-notes/2";
        rewards.push_back({.total = 0.5, .parts = {{kAccuracyPart, hard ? 0 : 1}}});
      }
      return rewards;
    }
  };
  run_rl(r, {.reward = std::make_shared<ByPrompt>()});
  const std::string completions = read_file(r.run_folder / "completions.jsonl");
  std::istringstream lines(completions);
  std::set<std::string> asked;
  for (std::string line; std::getline(lines, line);)
    asked.insert(nlohmann::json::parse(line).at("id").get<std::string>());
  EXPECT_EQ(asked, (std::set<std::string>{"loudness/0", "count-notes/2"}));
}

TEST_F(RlTest, AFullDiskLeavesTheLastGoodCheckpoint) {
  const RlRecipe r = recipe({.run = "r", .iterations = 4});
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!fs::exists(r.run_folder / "checkpoints" / "step-00000002"))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop = true;
  });
  run_rl(r, {.stop = &stop});
  stopper.join();
  const fs::path good = *latest_checkpoint(r.run_folder);
  {
    const FullDisk full;
    EXPECT_THAT(refusal([&] { run_rl(r, {.resume = true}); }), HasSubstr("model.safetensors"));
  }
  EXPECT_EQ(*latest_checkpoint(r.run_folder), good);
  EXPECT_TRUE(run_rl(r, {.resume = true}).finished);
}

TEST(RlRecipe, SaysWhatIsWrong) {
  const auto refused = [](const std::string& toml) {
    try {
      parse_rl_recipe(toml, "r.toml");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string start = "name = \"a\"\n[model]\ninit = \"m\"\n";
  EXPECT_EQ(refused(start), "accepted");
  EXPECT_THAT(refused("name = \"a\"\n"), HasSubstr("model.init is missing"));
  EXPECT_THAT(refused(start + "[rollout]\nsample = 3\n"),
              AllOf(HasSubstr("r.toml:5"), HasSubstr("unknown key rollout.sample")));
  EXPECT_THAT(refused(start + "[advantage]\nestimator = \"ppo\"\n"),
              HasSubstr("\"gae\", \"grpo\""));
  EXPECT_THAT(refused(start + "[policy]\nkl = \"k2\"\n"), HasSubstr("\"k1\" or \"k3\""));
  EXPECT_THAT(refused(start + "[selection]\nlowest = 7\n"), HasSubstr("lowest <= highest"));
  EXPECT_THAT(refused(start + "[data]\ntasks = \"sum\"\n"), HasSubstr("a list of strings"));
  EXPECT_THAT(refused(start + "[rollout]\nsamples = 1\n[advantage]\nestimator = \"rloo\"\n"),
              HasSubstr("at least 2"));
  EXPECT_THAT(refused(start + "[optimizer]\nsteps = 3\n"), HasSubstr("unknown key optimizer"));
}

}  // namespace
}  // namespace stapes::train
