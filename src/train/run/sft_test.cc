// The trainer as a whole: it learns, it resumes bit for bit, it says what is wrong.
#include "train/run/sft.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "stapes/error.h"
#include "tensor/safetensors.h"
#include "train/libtorch.h"
#include "train/run/checkpoint.h"
#include "train/run/optimizer.h"
#include "train/testing/full_disk.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

class SftTest : public ::testing::Test {
 protected:
  SftTest()
      : folder_(fs::path(::testing::TempDir()) /
                ("stapes-sft-test-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~SftTest() override { fs::remove_all(folder_); }

  // Melodies only, so that no recordings are needed.
  Recipe recipe(const std::string& run, int64_t steps, int64_t checkpoint_every) const {
    return parse_recipe(fmt::format(R"(
name = "test"
run_folder = "{}"
[model]
like = "tiny"
tokenizer_merges = 60
[data]
melody_share = 1.0
questions_per_clip = 2
[optimizer]
steps = {}
clips_per_step = 2
warmup_steps = 2
learning_rate = 1e-3
[logging]
print_every = 1
evaluate_every = 1000
evaluation_clips = 2
checkpoint_every = {}
)",
                                    (folder_ / run).string(), steps, checkpoint_every),
                        "test.toml");
  }

  fs::path folder_;
};

std::string column(const fs::path& csv, size_t index) {
  std::ifstream in(csv);
  std::string line, values;
  while (std::getline(in, line)) {
    std::stringstream cells(line);
    std::string cell;
    for (size_t i = 0; i <= index; ++i) std::getline(cells, cell, ',');
    values += cell + "\n";
  }
  return values;
}

TEST_F(SftTest, ResumedRunEqualsUninterruptedRunBitForBit) {
  const Recipe whole = recipe("whole", 12, 12);
  run_sft(whole, {});

  const Recipe halves =
      recipe("halves", 12, 5);  // 5 and 10 are in the middle of a group of batches
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!latest_checkpoint(halves.run_folder))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop = true;
  });
  run_sft(halves, {.stop = &stop});
  stopper.join();
  ASSERT_LT(load_state(*latest_checkpoint(halves.run_folder)).step, 12);
  run_sft(halves, {.resume = true});

  const auto bytes = [](const Recipe& r, const char* file) {
    return read_file(r.run_folder / "checkpoints" / "step-00000012" / file);
  };
  EXPECT_EQ(bytes(whole, "model.safetensors"), bytes(halves, "model.safetensors"));
  EXPECT_EQ(bytes(whole, "helper.safetensors"), bytes(halves, "helper.safetensors"));
  EXPECT_EQ(column(whole.run_folder / "train.csv", 1), column(halves.run_folder / "train.csv", 1));
}

std::string text_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += fmt::format(
        R"({{"messages":[{{"role":"user","content":"How many is {}?"}},{{"role":"assistant","content":"{}"}}]}})"
        "\n",
        i, i);
  return lines;
}

// Melodies and text in one batch, steps of so many tokens; stopped in the middle and resumed.
TEST_F(SftTest, MixturesWithTextResumeBitForBit) {
  write_file_atomically(folder_ / "text-0.jsonl", text_lines(7));
  write_file_atomically(folder_ / "text-1.jsonl", text_lines(6));
  const auto mixed = [&](const std::string& run, int64_t checkpoint_every) {
    return parse_recipe(fmt::format(R"(
name = "test"
run_folder = "{0}/{1}"
[model]
tokenizer_merges = 60
[[data.sources]]
name = "text"
weight = 2
jsonl = "{0}/text-*.jsonl"
[[data.sources]]
name = "sounds"
world = true
melody_share = 1
questions_per_clip = 2
[optimizer]
steps = 12
tokens_per_step = 300
warmup_steps = 2
[logging]
evaluate_every = 1000
evaluation_clips = 3
checkpoint_every = {2}
)",
                                    folder_.string(), run, checkpoint_every),
                        "test.toml");
  };
  const Recipe whole = mixed("whole", 12), halves = mixed("halves", 5);
  run_sft(whole, {});
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!latest_checkpoint(halves.run_folder))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop = true;
  });
  run_sft(halves, {.stop = &stop});
  stopper.join();
  ASSERT_LT(load_state(*latest_checkpoint(halves.run_folder)).step, 12);
  run_sft(halves, {.resume = true});
  const auto bytes = [](const Recipe& r, const char* file) {
    return read_file(r.run_folder / "checkpoints" / "step-00000012" / file);
  };
  EXPECT_TRUE(bytes(whole, "model.safetensors") == bytes(halves, "model.safetensors"));
  EXPECT_TRUE(bytes(whole, "helper.safetensors") == bytes(halves, "helper.safetensors"));
  // The parts' files are part of the run.
  write_file_atomically(folder_ / "text-1.jsonl", text_lines(5));
  try {
    run_sft(halves, {.resume = true});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the training data have changed"));
  }
}

TEST_F(SftTest, TextAloneIsEnough) {
  write_file_atomically(folder_ / "text.jsonl", text_lines(4));
  Recipe text = recipe("text", 10, 5);
  text.data.jsonl = folder_ / "text.jsonl";
  const SftResult result = run_sft(text, {});
  EXPECT_TRUE(result.finished);
  EXPECT_LT(result.text_loss, 5.0);  // from ln(vocabulary) = 6
}

// Bytes of a part, before and after some steps.
std::map<std::string, std::string> parts_of_model(const fs::path& folder) {
  const Parameters parameters = Parameters::load(folder, load_config(folder));
  std::map<std::string, std::string> bytes;
  for (const auto& name : parameters.names()) {
    const TensorView view = view_of(parameters[name]);
    bytes[part_of(name)].append(reinterpret_cast<const char*>(view.data),
                                static_cast<size_t>(view.element_count()) * sizeof(float));
  }
  return bytes;
}

TEST_F(SftTest, FrozenPartsKeepTheirBytes) {
  const std::vector<std::vector<std::string>> cases = {
      {"encoder"}, {"encoder", "adaptor"}, {"decoder", "embeddings"}, {"embeddings"}};
  for (size_t i = 0; i < cases.size(); ++i) {
    Recipe frozen = recipe("frozen-" + std::to_string(i), 2, 2);
    frozen.optimizer.freeze = cases[i];
    run_sft(frozen, {});
    const auto before = parts_of_model(frozen.run_folder / "random");
    const auto after = parts_of_model(*latest_checkpoint(frozen.run_folder));
    ASSERT_EQ(before.size(), 4u);
    for (const auto& [part, bytes] : before)
      EXPECT_EQ(bytes == after.at(part), std::ranges::count(cases[i], part) > 0)
          << part << " in case " << i;
  }
}

// Nothing in the batch reaches what is trained: the step is no step, and no error.
TEST_F(SftTest, TextTeachesAnAdaptorNothing) {
  write_file_atomically(folder_ / "text.jsonl", text_lines(4));
  Recipe adaptor = recipe("adaptor", 2, 2);
  adaptor.data.jsonl = folder_ / "text.jsonl";
  adaptor.optimizer.freeze = {"encoder", "decoder", "embeddings"};
  run_sft(adaptor, {});
  EXPECT_TRUE(parts_of_model(adaptor.run_folder / "random") ==
              parts_of_model(*latest_checkpoint(adaptor.run_folder)));
}

TEST_F(SftTest, TrainsWithoutTheHelper) {
  Recipe alone = recipe("alone", 2, 2);
  alone.optimizer.helper_weight = 0;
  run_sft(alone, {});
  EXPECT_EQ(column(alone.run_folder / "train.csv", 2), "frame_loss\n0\n0\n");
}

TEST_F(SftTest, PartsHaveLearningRatesOfTheirOwn) {
  OptimizerRecipe optimizer = recipe("rates", 1, 1).optimizer;
  optimizer.encoder_learning_rate_scale = 0.25;
  optimizer.adaptor_learning_rate_scale = 2;
  optimizer.decoder_learning_rate_scale = 0.5;
  const ModelConfig config = config_like("tiny");
  Parameters parameters = Parameters::random(config, 1);
  parameters.require_grad(true);
  FrameHelper helper = FrameHelper::zero(config);
  const auto scale_of = [&](const char* name) {
    for (const auto& group : supervised_groups(optimizer, parameters, helper))
      for (const auto& tensor : group.tensors)
        if (tensor.is_same(parameters[name])) return group.learning_rate_scale;
    return 0.0;
  };
  EXPECT_EQ(scale_of("encoder.conv1.weight"), 0.25);
  EXPECT_EQ(scale_of("adapter.linear1.bias"), 2);
  EXPECT_EQ(scale_of("model.layers.0.mlp.up_proj.weight"), 0.5);
  EXPECT_EQ(scale_of("model.embed_tokens.weight"), 0.5);
  const std::string frozen_part = "adaptor";
  parameters.require_grad([&](const std::string& name) { return part_of(name) != frozen_part; });
  EXPECT_EQ(scale_of("adapter.linear1.bias"), 0);
}

TEST_F(SftTest, LearnsOneSmallSet) {
  const SftResult result = run_sft(recipe("learn", 60, 1000), {});
  const std::string losses = column(folder_ / "learn" / "train.csv", 1);
  std::vector<double> values;
  std::stringstream lines(losses);
  std::string line;
  std::getline(lines, line);  // header
  while (std::getline(lines, line)) values.push_back(std::stod(line));
  ASSERT_EQ(values.size(), 60u);
  // From the uniform guess, ln(vocabulary) = 6, to well below half of it in 60 steps.
  EXPECT_GT(values.front(), 4.5);
  EXPECT_LT(values.back(), 0.6 * values.front());
  EXPECT_TRUE(result.finished);
}

TEST_F(SftTest, KeepsRepliesEverySomeStepsAndTheSameAfterAResume) {
  const auto with_replies = [&](const std::string& run, int64_t steps) {
    Recipe r = recipe(run, steps, 2);
    r.logging.completions_every = 2;
    r.logging.completions = 3;
    return r;
  };
  run_sft(with_replies("replies", 5), {});
  const std::string whole = read_file(folder_ / "replies" / "completions.jsonl");
  std::vector<int64_t> steps;
  std::stringstream lines(whole);
  for (std::string line; std::getline(lines, line);) {
    const auto reply = nlohmann::json::parse(line);
    steps.push_back(reply.at("step").get<int64_t>());
    EXPECT_FALSE(reply.at("task").get<std::string>().empty());
    EXPECT_FALSE(reply.at("answer").get<std::string>().empty());
    EXPECT_TRUE(reply.at("reward").is_number());
    EXPECT_GE(reply.at("tokens").get<int>(), 1);
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{2, 2, 2, 4, 4, 4, 5, 5, 5}));

  // Replies of the steps that are done again are written again.
  fs::remove_all(folder_ / "replies" / "checkpoints" / "step-00000005");
  run_sft(with_replies("replies", 5), {.resume = true});
  EXPECT_EQ(read_file(folder_ / "replies" / "completions.jsonl"), whole);

  // They do not touch what is learned.
  run_sft(recipe("silent", 5, 2), {});
  const auto weights = [&](const char* run) {
    return read_file(folder_ / run / "checkpoints" / "step-00000005" / "model.safetensors");
  };
  EXPECT_EQ(weights("replies"), weights("silent"));
}

TEST_F(SftTest, RefusesToOverwriteARun) {
  run_sft(recipe("twice", 1, 1), {});
  try {
    run_sft(recipe("twice", 1, 1), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("already holds a run"));
  }
}

TEST_F(SftTest, RefusesAChangedRecipeUnderResume) {
  run_sft(recipe("changed", 1, 1), {});
  try {
    run_sft(recipe("changed", 2, 1), {.resume = true});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("recipe is not the one"));
  }
}

TEST_F(SftTest, FullDiskLeavesTheLastGoodCheckpoint) {
  const Recipe small = recipe("full", 1, 1);
  run_sft(small, {});
  const auto good = *latest_checkpoint(small.run_folder);
  const ModelConfig config = load_config(good);
  const Parameters parameters = Parameters::load(good, config);
  FrameHelper helper = FrameHelper::zero(config);
  Optimizer optimizer(settings_of(small.optimizer),
                      supervised_groups(small.optimizer, parameters, helper));
  try {
    const FullDisk full;
    save_checkpoint(small.run_folder, {.step = 2, .recipe = small.source_text, .fingerprint = ""},
                    read_model_files(good), parameters, helper, optimizer.adamw(), 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("model.safetensors"));
  }
  EXPECT_EQ(*latest_checkpoint(small.run_folder), good);
  EXPECT_EQ(std::distance(fs::directory_iterator(good.parent_path()), fs::directory_iterator()), 1);
  EXPECT_NO_THROW(Parameters::load(good, config));
}

TEST_F(SftTest, NeverSavesWeightsThatAreNotFinite) {
  run_sft(recipe("finite", 1, 1), {});
  const auto checkpoint = *latest_checkpoint(folder_ / "finite");
  const ModelConfig config = load_config(checkpoint);
  Parameters parameters = Parameters::load(checkpoint, config);
  parameters.at("model.norm.weight")[0] = std::nanf("");
  try {
    parameters.save(folder_ / "bad.safetensors", DType::kF32);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("model.norm.weight"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "bad.safetensors"));
}

}  // namespace
}  // namespace stapes::train
