// Several ranks train as one process does: real sockets between threads
// (tests/e2e/train_ranks_sft.sh does the same with processes).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "base/file.h"
#include "spec/model_config.h"
#include "stapes/error.h"
#include "train/data/loader.h"
#include "train/libtorch.h"
#include "train/run/checkpoint.h"
#include "train/run/init.h"
#include "train/run/sft.h"
#include "train/testing/on_ranks.h"
#include "train/testing/training_text.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

class SftRanksTest : public ::testing::Test {
 protected:
  SftRanksTest() {
    std::string lines;
    for (int i = 0; i < 9; ++i)
      lines += fmt::format(
          R"({{"messages":[{{"role":"user","content":"How many is {0}?"}},{{"role":"assistant","content":"{0}"}}]}})"
          "\n",
          i);
    folder_.write("text.jsonl", lines);
    init_model(folder_.path() / "start", {.like = "tiny",
                                          .encoder_layers = 1,
                                          .decoder_layers = 1,
                                          .tokenizer_merges = 60,
                                          .dtype = DType::kF32});
  }

  // Texts and melodies: nine texts of sixteen samples, so that in one step of eight a rank has text
  // alone.
  Recipe recipe(const std::string& run, int64_t checkpoint_every = 12) const {
    return parse_recipe(fmt::format(R"(
name = "test"
run_folder = "{0}/{1}"
[model]
init = "{0}/start"
[[data.sources]]
name = "text"
weight = 9
jsonl = "{0}/text.jsonl"
[[data.sources]]
name = "sounds"
world = true
weight = 7
melody_share = 1
questions_per_clip = 2
[optimizer]
steps = 12
clips_per_step = 2
warmup_steps = 2
learning_rate = 1e-3
[logging]
print_every = 1
evaluate_every = 6
evaluation_clips = 8
checkpoint_every = {2}
)",
                                    folder_.path().string(), run, checkpoint_every),
                        "test.toml");
  }

  testing::DataFolder folder_{"sft-ranks"};
};

// What rank 0 returns.
SftResult on_two_ranks(const Recipe& recipe, SftOptions options = {},
                       const std::atomic<bool>* stop_of_last = nullptr) {
  SftResult result;
  on_ranks(
      2,
      [&](const Ranks& ranks) {
        SftOptions own = options;
        own.ranks = &ranks;
        if (!ranks.leads()) own.stop = stop_of_last;
        try {
          const SftResult of_rank = run_sft(recipe, own);
          if (ranks.leads()) result = of_rank;
        } catch (const Error& error) {
          ADD_FAILURE() << "rank " << ranks.rank() << ": " << error.what();
        }
      },
      std::chrono::seconds(60));
  return result;
}

// The distance between two models' weights beside the way that the first has come.
double relative_distance(const fs::path& start, const fs::path& a, const fs::path& b) {
  const ModelConfig config = load_config(start);
  const auto of_start = Parameters::load(start, config), of_a = Parameters::load(a, config),
             of_b = Parameters::load(b, config);
  double apart = 0, way = 0;
  for (const auto& name : of_start.names()) {
    apart += (of_a[name] - of_b[name]).to(torch::kFloat64).pow(2).sum().item<double>();
    way += (of_a[name] - of_start[name]).to(torch::kFloat64).pow(2).sum().item<double>();
  }
  return std::sqrt(apart / way);
}

std::string bytes(const Recipe& r, const char* file) {
  return read_file(r.run_folder / "checkpoints" / "step-00000012" / file);
}

// Sums in another order, and Adam, which makes steps of one size of the smallest differences: after
// 12 steps 1 % of the way, and 1e-3 nats.
constexpr double kOfTheWay = 0.01, kOfTheLoss = 1e-3;

TEST_F(SftRanksTest, LearnWhatOneProcessLearns) {
  const Recipe one = recipe("one"), two = recipe("two");
  const SftResult alone = run_sft(one, {});
  const SftResult together = on_two_ranks(two);
  EXPECT_TRUE(together.finished);
  EXPECT_LT(relative_distance(folder_.path() / "start", *latest_checkpoint(one.run_folder),
                              *latest_checkpoint(two.run_folder)),
            kOfTheWay);
  EXPECT_NEAR(together.text_loss, alone.text_loss, kOfTheLoss);
  EXPECT_NEAR(together.frame_accuracy, alone.frame_accuracy, 0.02);
  EXPECT_TRUE(fs::exists(two.run_folder / "rank-1" / "train.csv"));
  EXPECT_FALSE(fs::exists(two.run_folder / "rank-1" / "checkpoints"));
}

TEST_F(SftRanksTest, OneOfThemHasTextAloneInSomeSteps) {
  const Recipe r = recipe("unused");
  const ModelConfig config = load_config(folder_.path() / "start");
  const Tokenizer tokenizer =
      Tokenizer::parse(read_file(folder_.path() / "start" / "tokenizer.json"), "tokenizer.json");
  Quarantine quarantine(0, {});
  const auto source =
      recipe_source(r.data, r.optimizer.seed, tokenizer, config.encoder.mel_bands, quarantine);
  BatchLoader first(*source, 2, config.encoder.mel_bands, r.optimizer.seed, 0, 1,
                    BatchCut::kByCount, {.rank = 0, .count = 2});
  BatchLoader second(*source, 2, config.encoder.mel_bands, r.optimizer.seed, 0, 1,
                     BatchCut::kByCount, {.rank = 1, .count = 2});
  int one_without_sound = 0;
  for (int step = 0; step < 12; ++step)
    one_without_sound += (first.next().clips == 0) != (second.next().clips == 0) ? 1 : 0;
  EXPECT_GE(one_without_sound, 1) << "the test above would not see what it is there for";
}

TEST_F(SftRanksTest, ResumeBitForBitAfterASignalToOneOfThem) {
  const Recipe whole = recipe("whole"), halves = recipe("halves", 5);
  on_two_ranks(whole);
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!latest_checkpoint(halves.run_folder))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop = true;
  });
  EXPECT_FALSE(on_two_ranks(halves, {}, &stop).finished);
  stopper.join();
  ASSERT_LT(load_state(*latest_checkpoint(halves.run_folder)).step, 12);
  EXPECT_TRUE(on_two_ranks(halves, {.resume = true}).finished);
  for (const char* file : {"model.safetensors", "helper.safetensors"})
    EXPECT_TRUE(bytes(whole, file) == bytes(halves, file)) << file;
}

TEST_F(SftRanksTest, AnotherNumberOfRanksGoesOnWithTheSameData) {
  const Recipe one = recipe("one"), both = recipe("both", 5);
  run_sft(one, {});
  on_two_ranks(both);
  fs::remove_all(both.run_folder / "checkpoints" / "step-00000012");
  EXPECT_TRUE(run_sft(both, {.resume = true}).finished);
  EXPECT_LT(relative_distance(folder_.path() / "start", *latest_checkpoint(one.run_folder),
                              *latest_checkpoint(both.run_folder)),
            kOfTheWay);
}

// One more rank than examples in a step: one of them has nothing to do.
TEST_F(SftRanksTest, AnEmptyPartIsNoTrouble) {
  Recipe one = recipe("one"), two = recipe("two");
  one.optimizer.clips_per_step = two.optimizer.clips_per_step = 1;
  run_sft(one, {});
  EXPECT_TRUE(on_two_ranks(two).finished);
  EXPECT_LT(relative_distance(folder_.path() / "start", *latest_checkpoint(one.run_folder),
                              *latest_checkpoint(two.run_folder)),
            kOfTheWay);
}

// A clip of one of the ranks is broken: neither makes the step.
class OneBrokenClip : public ExampleSource {
 public:
  explicit OneBrokenClip(std::unique_ptr<ExampleSource> source) : source_(std::move(source)) {}
  TrainingExample get(Phase phase, uint64_t index, int64_t step) const override {
    TrainingExample example = source_->get(phase, index, step);
    if (phase == Phase::kTraining && index == 7)
      example.mels.front().values.front() = std::numeric_limits<float>::quiet_NaN();
    return example;
  }
  std::string fingerprint() const override { return source_->fingerprint(); }

 private:
  std::unique_ptr<ExampleSource> source_;
};

TEST_F(SftRanksTest, WhatIsNotFiniteForOneIsSkippedByAll) {
  const Tokenizer tokenizer =
      Tokenizer::parse(read_file(folder_.path() / "start" / "tokenizer.json"), "tokenizer.json");
  WorldRecipe melodies;
  melodies.melody_share = 1;
  const int64_t bands = load_config(folder_.path() / "start").encoder.mel_bands;
  const auto source = std::make_shared<OneBrokenClip>(world_source(melodies, 1, tokenizer, bands));
  const Recipe one = recipe("one"), two = recipe("two");
  run_sft(one, {.source = source});
  EXPECT_TRUE(on_two_ranks(two, {.source = source}).finished);
  EXPECT_LT(relative_distance(folder_.path() / "start", *latest_checkpoint(one.run_folder),
                              *latest_checkpoint(two.run_folder)),
            kOfTheWay);
  const std::string csv = read_file(two.run_folder / "rank-1" / "train.csv");
  EXPECT_THAT(csv, ::testing::HasSubstr(",nan,")) << "the broken clip was not seen";
}

TEST_F(SftRanksTest, WhatTheFirstRefusesAllRefuse) {
  const Recipe r = recipe("twice");
  on_two_ranks(r);
  on_ranks(2, [&](const Ranks& ranks) {
    try {
      run_sft(r, {.ranks = &ranks});
      ADD_FAILURE() << "a second run in the same folder";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("already holds a run"));
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
  });
}

}  // namespace
}  // namespace stapes::train
