// Runs with LoRA: what is frozen stays, what is resumed has the same bits, what is merged is what
// was trained, and the checkpoints are adapters.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "train/nn/forward.h"
#include "train/nn/lora_file.h"
#include "train/run/checkpoint.h"
#include "train/run/dpo.h"
#include "train/run/merge.h"
#include "train/run/sft.h"
#include "train/testing/runs.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct SftText {
  std::string run;
  int64_t steps = 6;
  int64_t checkpoint_every = 6;
  std::string model = {}, lora = "rank = 3\n", optimizer = {}, logging = {};
};

class LoraRunTest : public ::testing::Test {
 protected:
  static fs::path tiny() { return fs::path(STAPES_SOURCE_DIR) / "models" / "tiny"; }
  fs::path at(const std::string& name) const { return folder_.path() / name; }

  Recipe recipe(const SftText& t) const {
    return parse_recipe(
        fmt::format("name = \"t\"\nrun_folder = \"{}\"\n[model]\ninit = \"{}\"\noutput = \"{}\"\n"
                    "save_dtype = \"f32\"\n{}[lora]\n{}[data]\nmelody_share = 1\n"
                    "questions_per_clip = 1\n[optimizer]\nsteps = {}\nclips_per_step = 2\n"
                    "learning_rate = 1e-2\nwarmup_steps = 1\n{}[logging]\nprint_every = 1\n"
                    "evaluate_every = 1000\nevaluation_clips = 2\ncheckpoint_every = {}\n{}",
                    at(t.run).string(), tiny().string(), at(t.run + "-model").string(), t.model,
                    t.lora, t.steps, t.optimizer, t.checkpoint_every, t.logging),
        "test.toml");
  }

  // Runs, is stopped after the first checkpoint, and goes on.
  template <typename RecipeOf, typename Run>
  static void run_in_two_parts(const RecipeOf& recipe, Run run) {
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
      while (!latest_checkpoint(recipe.run_folder))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stop = true;
    });
    EXPECT_FALSE(run(recipe, false, &stop).finished);
    stopper.join();
    EXPECT_TRUE(run(recipe, true, nullptr).finished);
  }

  // Tensors of two model folders that differ.
  static std::vector<std::string> changed(const fs::path& before, const fs::path& after) {
    const ModelTensors a = ModelTensors::open(before), b = ModelTensors::open(after);
    std::vector<std::string> names;
    for (const auto& [name, view] : a.tensors())
      if (widened_to_f32(view) != widened_to_f32(b.tensors().at(name))) names.push_back(name);
    return names;
  }

  stapes::testing::TemporaryFolder folder_;
};

const auto sft = [](const Recipe& recipe, bool resume, const std::atomic<bool>* stop) {
  return run_sft(recipe, {.resume = resume, .stop = stop});
};

TEST_F(LoraRunTest, ResumesBitForBitAndCheckpointsAreAdapters) {
  for (const bool checkpointing : {false, true}) {
    const std::string suffix = checkpointing ? "-c" : "";
    const std::string optimizer = fmt::format(
        "gradient_checkpointing = {}\nadaptor_learning_rate_scale = 0.5\n", checkpointing);
    const std::string lora = "rank = 3\ntargets = [\"q_proj\", \"down_proj\", \"linear2\"]\n";
    const Recipe whole = recipe({.run = "whole" + suffix, .lora = lora, .optimizer = optimizer});
    const Recipe parts = recipe(
        {.run = "parts" + suffix, .checkpoint_every = 2, .lora = lora, .optimizer = optimizer});
    EXPECT_TRUE(run_sft(whole, {}).finished);
    run_in_two_parts(parts, sft);
    const auto bytes = [](const Recipe& r, const char* file) {
      return read_file(r.run_folder / "checkpoints" / "step-00000006" / file);
    };
    for (const char* file : {"adapter_model.safetensors", "helper.safetensors"})
      EXPECT_TRUE(bytes(whole, file) == bytes(parts, file)) << file;
    EXPECT_EQ(without_times(whole.run_folder / "train.csv").substr(0, 200),
              without_times(parts.run_folder / "train.csv").substr(0, 200));
    EXPECT_FALSE(fs::exists(whole.run_folder / "checkpoints" / "step-00000006" / "config.json"));
    EXPECT_TRUE(read_file(whole.model.output / "model.safetensors") ==
                read_file(parts.model.output / "model.safetensors"));
  }
  // Computing layers twice changes nothing at all.
  EXPECT_TRUE(read_file(at("whole-model") / "model.safetensors") ==
              read_file(at("whole-c-model") / "model.safetensors"));
}

TEST_F(LoraRunTest, NothingButTheTargetsChangesInTheMergedModel) {
  const Recipe r = recipe({.run = "r", .lora = "targets = [\"o_proj\", \"linear1\"]\n"});
  EXPECT_TRUE(run_sft(r, {}).finished);
  std::vector<std::string> expected = {"adapter.linear1.weight"};
  for (int layer = 0; layer < 4; ++layer)
    expected.push_back(fmt::format("model.layers.{}.self_attn.o_proj.weight", layer));
  EXPECT_EQ(changed(tiny(), r.model.output), expected);
  // The rank is the one that [lora] has where it says none.
  EXPECT_EQ(read_adapter(r.run_folder / "adapter", load_config(tiny())).settings().rank, 8);
}

TEST_F(LoraRunTest, MergeGivesTheModelThatTheRunExported) {
  const Recipe r = recipe({.run = "r"});
  run_sft(r, {});
  const MergedModel merged = merge_adapter({.model = tiny(),
                                            .adapter = r.run_folder / "adapter",
                                            .output = at("merged"),
                                            .dtype = DType::kF32});
  EXPECT_EQ(merged.modules, 4 * 7);
  EXPECT_EQ(merged.rank, 3);
  EXPECT_TRUE(read_file(at("merged") / "model.safetensors") ==
              read_file(r.model.output / "model.safetensors"));
  EXPECT_EQ(read_file(at("merged") / "config.json"), read_file(tiny() / "config.json"));
  // A checkpoint is an adapter, too.
  merge_adapter({.model = tiny(),
                 .adapter = *latest_checkpoint(r.run_folder),
                 .output = at("of-checkpoint"),
                 .dtype = DType::kF32});
  EXPECT_TRUE(changed(at("merged"), at("of-checkpoint")).empty());
  EXPECT_THAT(refusal([&] {
                merge_adapter({.model = tiny(), .adapter = r.run_folder, .output = at("merged")});
              }),
              HasSubstr("already holds a model"));
  EXPECT_THAT(
      refusal([&] { merge_adapter({.model = tiny(), .adapter = tiny(), .output = at("other")}); }),
      HasSubstr("adapter_config.json"));
  EXPECT_FALSE(fs::exists(at("other")));
}

TEST_F(LoraRunTest, Bf16WeightsAreKeptAsTheyAre) {
  // A base whose values bf16 can hold: then storing them so loses nothing.
  const ModelConfig config = load_config(tiny());
  write_model_folder(at("base"), read_model_files(tiny()), Parameters::load(tiny(), config),
                     DType::kBF16);
  Recipe r = recipe({.run = "r",
                     .steps = 3,
                     .checkpoint_every = 3,
                     .model = "frozen_dtype = \"bf16\"\n",
                     .lora = "targets = [\"v_proj\"]\n",
                     .optimizer = "dtype = \"bf16\"\n",
                     .logging = "completions_every = 3\ncompletions = 2\n"});
  r.model.init = at("base");
  EXPECT_TRUE(run_sft(r, {}).finished);
  const auto names = changed(at("base"), r.model.output);
  EXPECT_EQ(names.size(), 4u);
  for (const auto& name : names) EXPECT_THAT(name, HasSubstr("v_proj.weight"));
  // The engine answered with those weights.
  EXPECT_THAT(read_file(r.run_folder / "completions.jsonl"), HasSubstr("\"step\":3"));
}

TEST_F(LoraRunTest, AnotherBaseIsRefusedOnResume) {
  Recipe r = recipe({.run = "r", .steps = 2, .checkpoint_every = 2});
  run_sft(r, {});
  const ModelConfig config = load_config(tiny());
  Parameters other = Parameters::load(tiny(), config);
  other.at("lm_head.weight").add_(0.5);
  write_model_folder(at("other"), read_model_files(tiny()), other, DType::kF32);
  r.model.init = at("other");
  EXPECT_THAT(refusal([&] { run_sft(r, {.resume = true}); }), HasSubstr("have changed"));
}

TEST_F(LoraRunTest, LearnsWhatTheModelHasNeverSeen) {
  std::string lines;
  for (int i = 0; i < 4; ++i)
    lines += fmt::format(
        R"({{"messages":[{{"role":"user","content":"Number {0} ?"}},{{"role":"assistant","content":"Three {0} {0} one."}}]}})"
        "\n",
        i);
  write_file_atomically(at("text.jsonl"), lines);
  const auto loss_after = [&](int64_t steps) {
    Recipe r = recipe({.run = fmt::format("r{}", steps), .steps = steps, .checkpoint_every = 100});
    r.data.jsonl = at("text.jsonl");
    return run_sft(r, {}).text_loss;
  };
  EXPECT_LT(loss_after(40), 0.3 * loss_after(1));
}

TEST_F(LoraRunTest, PreferenceTrainingResumesBitForBitFromTheReference) {
  std::string lines;
  for (int i = 0; i < 12; ++i)
    lines += fmt::format(
        R"({{"messages":[{{"role":"user","content":"Number {} ?"}},{{"role":"assistant","content":"I hear {} notes."}}],"rejected_response":"I cannot hear."}})"
        "\n",
        i, i % 5);
  write_file_atomically(at("pairs.jsonl"), lines);
  const auto dpo = [&](const std::string& run, int every) {
    return parse_dpo_recipe(
        fmt::format("name = \"t\"\nrun_folder = \"{}\"\n[model]\ninit = \"{}\"\noutput = \"{}\"\n"
                    "save_dtype = \"f32\"\n[lora]\nrank = 2\n[data]\njsonl = \"{}\"\n"
                    "[rollout]\nmax_tokens = 40\n[optimizer]\nsteps = 4\nlearning_rate = 1e-3\n"
                    "warmup_steps = 1\npairs_per_step = 4\ngradient_checkpointing = true\n"
                    "[logging]\ncheckpoint_every = {}\nevaluate_every = 2\nevaluation_pairs = 4\n"
                    "evaluation_questions = 2\n",
                    at(run).string(), tiny().string(), at(run + "-model").string(),
                    at("pairs.jsonl").string(), every),
        "test.toml");
  };
  const DpoRecipe whole = dpo("whole", 4), parts = dpo("parts", 2);
  EXPECT_TRUE(run_dpo(whole, {}).finished);
  run_in_two_parts(parts, [](const DpoRecipe& r, bool resume, const std::atomic<bool>* stop) {
    return run_dpo(r, {.resume = resume, .stop = stop});
  });
  EXPECT_TRUE(read_file(at("whole") / "adapter" / "adapter_model.safetensors") ==
              read_file(at("parts") / "adapter" / "adapter_model.safetensors"));
  EXPECT_EQ(without_times(at("whole") / "test.csv"), without_times(at("parts") / "test.csv"));
  for (const auto& name : changed(tiny(), at("whole-model"))) EXPECT_THAT(name, HasSubstr("proj"));
  EXPECT_EQ(changed(tiny(), at("whole-model")).size(), 4u * 7);
}

TEST_F(LoraRunTest, RecipesSayWhatDoesNotGoTogether) {
  const auto said = [&](const SftText& t) { return refusal([&] { recipe(t); }); };
  EXPECT_THAT(said({.run = "r", .optimizer = "freeze = [\"encoder\"]\n"}),
              HasSubstr("leave out optimizer.freeze"));
  EXPECT_THAT(said({.run = "r", .lora = "rank = 0\n"}), HasSubstr("lora.rank must be at least 1"));
  EXPECT_THAT(said({.run = "r", .lora = "dropout = 0.1\n"}),
              HasSubstr("unknown key lora.dropout; known here: alpha, rank, targets"));
  EXPECT_THAT(said({.run = "r", .lora = "alpha = -1\n"}), HasSubstr("lora.alpha must be above 0"));
  EXPECT_THAT(said({.run = "r", .lora = "targets = []\n"}), HasSubstr("lora.targets"));
  EXPECT_THAT(said({.run = "r", .model = "frozen_dtype = \"bf16\"\n"}),
              HasSubstr("dtype = \"bf16\""));
  EXPECT_THAT(said({.run = "r", .model = "frozen_dtype = \"int8\"\n"}),
              HasSubstr("\"f32\" or \"bf16\""));
  EXPECT_THAT(refusal([&] { run_sft(recipe({.run = "r", .lora = "targets = [\"wq\"]\n"}), {}); }),
              HasSubstr("no linear layer of the model is called so"));
  EXPECT_THAT(
      refusal([&] {
        parse_recipe(
            "name = \"t\"\n[model]\nfrozen_dtype = \"bf16\"\n[optimizer]\ndtype = \"bf16\"\n",
            "test.toml");
      }),
      HasSubstr("none are frozen"));
  EXPECT_THAT(refusal([&] { parse_recipe("name = \"t\"\n[lora]\n", "test.toml"); }),
              HasSubstr("model.init must name its folder"));
}

}  // namespace
}  // namespace stapes::train
