// Preference training as a whole: refusals become rare, runs resume bit for bit, and it says what
// is wrong.
#include "train/run/dpo.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>
#include <thread>

#include "audio/audio_file.h"
#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"
#include "train/dpo/hearing_prompts.h"
#include "train/nn/parameters.h"
#include "train/run/checkpoint.h"
#include "train/run/init.h"
#include "train/run/sft.h"
#include "train/testing/full_disk.h"
#include "train/testing/runs.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct DpoSettings {
  std::string run;
  int64_t steps = 6;
  fs::path jsonl = {};  // empty: sampled
  std::string pairs = {};
  std::string loss = {};
  std::string optimizer = "learning_rate = 1e-4\nwarmup_steps = 2\npairs_per_step = 4\n";
  std::string logging =
      "checkpoint_every = 2\nevaluate_every = 3\nevaluation_pairs = 4\nevaluation_questions = 2\n";
  std::string run_keys = {};
  fs::path model = {};
  fs::path output = {};
};

class DpoTest : public ::testing::Test {
 protected:
  static fs::path tiny() { return fs::path(STAPES_SOURCE_DIR) / "models" / "tiny"; }

  DpoRecipe recipe(const DpoSettings& s) const {
    const std::string pairs = s.jsonl.empty() ? "[pairs]\nprompts = 6\nsamples = 3\n"
                                                "examples_where_none_refuses = true\n"
                                                "require_grounded = false\n" +
                                                    s.pairs
                                              : "";
    return parse_dpo_recipe(
        fmt::format("name = \"t\"\nrun_folder = \"{}\"\n[model]\ninit = \"{}\"\noutput = \"{}\"\n"
                    "[data]\njsonl = \"{}\"\nmax_notes = 3\n"
                    "[rollout]\nmax_tokens = 60\nlive_sequences = 12\n"
                    "{}[loss]\n{}[optimizer]\nsteps = {}\n{}[logging]\n{}[run]\n{}",
                    (folder_.path() / s.run).string(),
                    (s.model.empty() ? tiny() : s.model).string(), s.output.string(),
                    s.jsonl.string(), pairs, s.loss, s.steps, s.optimizer, s.logging, s.run_keys),
        "test.toml");
  }

  // Pairs of text alone: nothing has to be sampled or heard.
  fs::path text_pairs(int count = 12) const {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines += fmt::format(
          R"({{"messages":[{{"role":"user","content":"Number {} ?"}},{{"role":"assistant","content":"I hear {} notes."}}],"rejected_response":"I cannot hear."}})"
          "\n",
          i, i % 5);
    const fs::path file = folder_.path() / "text.jsonl";
    write_file_atomically(file, lines);
    return file;
  }

  testing::TemporaryFolder folder_;
};

// The value of a column in the row-th row of values, from 0; -1: the last one.
double value(const fs::path& csv, const std::string& column, int row) {
  std::ifstream in(csv);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::stringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  const auto at = std::ranges::find(rows.at(0), column) - rows[0].begin();
  const size_t wanted = row < 0 ? rows.size() - 1 : static_cast<size_t>(row) + 1;
  return std::stod(rows.at(wanted).at(static_cast<size_t>(at)));
}

TEST_F(DpoTest, BeginsWithLn2AndAMarginOfZeroToTheLastBit) {
  const DpoRecipe r = recipe({.run = "r", .steps = 2});
  EXPECT_TRUE(run_dpo(r, {}).finished);
  const fs::path metrics = r.run_folder / "metrics.csv", test = r.run_folder / "test.csv";
  EXPECT_EQ(value(metrics, "step", 0), 1);
  EXPECT_NEAR(value(metrics, "loss", 0), std::numbers::ln2, 1e-6) << "as the CSV writes it";
  EXPECT_EQ(value(metrics, "margin", 0), 0);
  EXPECT_EQ(value(metrics, "chosen_reward", 0), 0);
  EXPECT_EQ(value(test, "step", 0), 0) << "the start is evaluated, too";
  EXPECT_EQ(value(test, "margin", 0), 0);
  EXPECT_NE(value(metrics, "margin", 1), 0);
  EXPECT_LT(value(metrics, "loss", 1), std::numbers::ln2);
}

TEST_F(DpoTest, AStoppedAndResumedRunEqualsAnUninterruptedOneBitForBit) {
  const DpoRecipe whole = recipe({.run = "whole", .output = folder_.path() / "whole-model"});
  EXPECT_TRUE(run_dpo(whole, {}).finished);

  const DpoRecipe parts = recipe({.run = "parts", .output = folder_.path() / "parts-model"});
  for (const char* until : {"step-00000000", "step-00000002", "step-00000004"}) {
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
      while (!fs::exists(parts.run_folder / "checkpoints" / until))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stop = true;
    });
    const bool first = std::string(until) == "step-00000000";
    EXPECT_FALSE(run_dpo(parts, {.resume = !first, .stop = &stop}).finished);
    stopper.join();
    // It is computed anew where it is lost, to the same bits.
    if (first) fs::remove(parts.run_folder / "reference.json");
  }
  EXPECT_TRUE(run_dpo(parts, {.resume = true}).finished);

  const auto same = [&](const fs::path& file) {
    EXPECT_TRUE(read_file(whole.run_folder / file) == read_file(parts.run_folder / file)) << file;
  };
  same("checkpoints/step-00000006/model.safetensors");
  same("pairs.jsonl");
  same("reference.json");
  for (const char* csv : {"metrics.csv", "test.csv"})
    EXPECT_EQ(without_times(whole.run_folder / csv), without_times(parts.run_folder / csv));
  EXPECT_TRUE(read_file(folder_.path() / "whole-model" / "model.safetensors") ==
              read_file(folder_.path() / "parts-model" / "model.safetensors"));
}

TEST_F(DpoTest, TheFrozenEncoderKeepsItsBytes) {
  const DpoRecipe r = recipe({.run = "r", .steps = 2, .logging = "evaluation_questions = 0\n"});
  run_dpo(r, {});
  const ModelConfig config = load_config(tiny());
  const Parameters before = Parameters::load(tiny(), config);
  const Parameters after = Parameters::load(*latest_checkpoint(r.run_folder), config);
  for (const auto& name : before.names())
    EXPECT_EQ(torch::equal(before[name], after[name]), name.starts_with("encoder.")) << name;
}

TEST_F(DpoTest, PairsFilesAndFunnelStandInTheRunsFolder) {
  const DpoRecipe r = recipe({.run = "r", .steps = 1, .logging = "evaluation_questions = 0\n"});
  run_dpo(r, {});
  const auto funnel = nlohmann::json::parse(read_file(r.run_folder / "pairs.json"));
  EXPECT_EQ(funnel.at("prompts"), 6);
  EXPECT_EQ(funnel.at("replies"), 18);
  EXPECT_EQ(funnel.at("refusals"), 0);
  const std::string pairs = read_file(r.run_folder / "pairs.jsonl");
  EXPECT_EQ(std::ranges::count(pairs, '\n'), funnel.at("pairs").get<int64_t>());
  EXPECT_EQ(funnel.at("pairs"), funnel.at("rejected_examples"));
  std::istringstream lines(pairs);
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_TRUE(fs::exists(r.run_folder / object.at("audios").at(0).get<std::string>()));
  }
  const auto clips = fs::directory_iterator(r.run_folder / "clips");
  EXPECT_EQ(std::distance(begin(clips), end(clips)), funnel.at("pairs").get<int64_t>());
}

// Left by another program, or damaged: what it says is not taken for this run's.
TEST_F(DpoTest, ARecordOfPairsThatCannotBeReadIsWrittenAnew) {
  for (const char* record : {"null", "{\"key\": ", R"({"key": 3})", "[]"}) {
    const DpoRecipe r = recipe({.run = "odd", .steps = 1, .logging = "evaluation_questions = 0\n"});
    fs::remove_all(r.run_folder);
    fs::create_directories(r.run_folder);
    write_file_atomically(r.run_folder / "pairs.json", record);
    write_file_atomically(r.run_folder / "pairs.jsonl", "not a pair\n");
    EXPECT_TRUE(run_dpo(r, {}).finished) << record;
    EXPECT_EQ(nlohmann::json::parse(read_file(r.run_folder / "pairs.json")).at("prompts"), 6);
  }
}

TEST_F(DpoTest, SaysWhereNoPairComesOfIt) {
  const DpoRecipe r = recipe({.run = "r", .pairs = "", .logging = ""});
  DpoRecipe strict = r;
  strict.pairs.examples_where_none_refuses = false;
  EXPECT_THAT(refusal([&] { run_dpo(strict, {}); }),
              AllOf(HasSubstr("no pair came of 6 prompts"), HasSubstr("pairs.json"),
                    HasSubstr("examples_where_none_refuses")));
}

TEST_F(DpoTest, RefusesWhatChangedUnderResume) {
  const fs::path pairs = text_pairs();
  const DpoSettings settings = {.run = "r", .steps = 2, .jsonl = pairs, .logging = ""};
  run_dpo(recipe(settings), {});
  EXPECT_THAT(refusal([&] { run_dpo(recipe(settings), {}); }), HasSubstr("already holds a run"));
  DpoSettings longer = settings;
  longer.steps = 3;
  EXPECT_THAT(refusal([&] { run_dpo(recipe(longer), {.resume = true}); }),
              HasSubstr("recipe is not the one"));
  const std::string text = read_file(pairs);
  write_file_atomically(pairs, text + text.substr(0, text.find('\n') + 1));
  EXPECT_THAT(refusal([&] { run_dpo(recipe(settings), {.resume = true}); }),
              HasSubstr("data have changed"));
  write_file_atomically(pairs, text);
  EXPECT_EQ(refusal([&] { run_dpo(recipe(settings), {.resume = true}); }), "nothing was refused");
}

TEST_F(DpoTest, RefusesPairsAndModelsThatChangedUnderResume) {
  const fs::path model = folder_.path() / "model";
  fs::copy(tiny(), model);
  const DpoRecipe r =
      recipe({.run = "r", .steps = 1, .logging = "evaluation_questions = 0\n", .model = model});
  run_dpo(r, {});
  const std::string pairs = read_file(r.run_folder / "pairs.jsonl");
  write_file_atomically(r.run_folder / "pairs.jsonl", pairs + pairs);
  EXPECT_THAT(refusal([&] { run_dpo(r, {.resume = true}); }), HasSubstr("have changed"));
  write_file_atomically(r.run_folder / "pairs.jsonl", pairs);

  // One weight of all.
  const ModelConfig config = load_config(model);
  Parameters weights = Parameters::load(model, config);
  weights.at("lm_head.weight")[300][100] += 0.01;
  weights.save(model / "model.safetensors", DType::kF32);
  EXPECT_THAT(refusal([&] { run_dpo(r, {.resume = true}); }),
              AllOf(HasSubstr("have changed"), HasSubstr("model ")));
}

TEST_F(DpoTest, StopsAfterThreeStepsThatAreNotFiniteAndKeepsThePairs) {
  const DpoRecipe r = recipe({.run = "r",
                              .steps = 9,
                              .jsonl = text_pairs(),
                              .optimizer = "learning_rate = 1e30\nwarmup_steps = 0\n"
                                           "pairs_per_step = 5\n",
                              .logging = "checkpoint_every = 9\nevaluation_questions = 0\n"});
  EXPECT_THAT(refusal([&] { run_dpo(r, {}); }),
              AllOf(HasSubstr("3 steps in a row"), HasSubstr("not finite"),
                    HasSubstr("step-00000000"), HasSubstr("bad-step-00000003.json")));
  const auto kept = nlohmann::json::parse(read_file(r.run_folder / "bad-step-00000003.json"));
  EXPECT_EQ(kept.at("pairs").size(), 5U);
  EXPECT_EQ(kept.at("pairs").at(0).at("rejected"), "I cannot hear.");
  EXPECT_EQ(value(r.run_folder / "metrics.csv", "skipped", -1), 2) << "the third stopped the run";
}

TEST_F(DpoTest, AFullDiskLeavesTheLastGoodCheckpoint) {
  const DpoRecipe r = recipe({.run = "r",
                              .steps = 4,
                              .jsonl = text_pairs(),
                              .logging = "checkpoint_every = 2\nevaluation_questions = 0\n"});
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!fs::exists(r.run_folder / "checkpoints" / "step-00000002"))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop = true;
  });
  run_dpo(r, {.stop = &stop});
  stopper.join();
  const fs::path good = *latest_checkpoint(r.run_folder);
  {
    const FullDisk full;
    EXPECT_THAT(refusal([&] { run_dpo(r, {.resume = true}); }), HasSubstr("model.safetensors"));
  }
  EXPECT_EQ(*latest_checkpoint(r.run_folder), good);
  EXPECT_TRUE(run_dpo(r, {.resume = true}).finished);
}

// Clips of the world with questions whether the model hears, and replies of which two in five deny
// it. Short ones: what is long a small model would not learn in a few seconds.
fs::path refusing_samples(const fs::path& folder) {
  const auto prompts = world_hearing_prompts({.max_notes = 3});
  std::string lines;
  for (uint64_t i = 0; i < 190; ++i) {
    const RolloutPrompt prompt = prompts->get(Phase::kTraining, 1000 + i);
    const std::string clip = fmt::format("{}.wav", i);
    write_wav_file(folder / clip, prompt.clips.front());
    const nlohmann::json object = {
        {"messages",
         {{{"role", "user"}, {"content", "<audio>" + prompt.messages[0].parts[1].text}},
          {{"role", "assistant"},
           {"content", i % 5 < 2 ? "<think>\nNothing.\n</think>\nI cannot hear sound."
                                 : "<think>\nI listen.\n</think>\nI hear notes."}}}},
        {"audios", {clip}}};
    lines += object.dump() + "\n";
  }
  write_file_atomically(folder / "refusing.jsonl", lines);
  return folder / "refusing.jsonl";
}

// The paper's stage in miniature: taught to refuse, sampled, and taught to prefer what hears.
TEST_F(DpoTest, AModelThatWasTaughtToRefuseStopsRefusing) {
  const fs::path random = folder_.path() / "random", taught = folder_.path() / "taught";
  init_model(random, {.like = "tiny",
                      .encoder_layers = 1,
                      .decoder_layers = 2,
                      .tokenizer_merges = 200,
                      .dtype = DType::kF32});
  const Recipe teaching = parse_recipe(
      fmt::format("name = \"t\"\nrun_folder = \"{}\"\n[model]\ninit = \"{}\"\noutput = \"{}\"\n"
                  "save_dtype = \"f32\"\n[data]\njsonl = \"{}\"\n"
                  "[optimizer]\nsteps = 80\nclips_per_step = 8\nlearning_rate = 3e-3\n"
                  "warmup_steps = 4\nhelper_weight = 0.0\n"
                  "[logging]\nprint_every = 20\nevaluation_clips = 1\nevaluate_every = 100\n"
                  "checkpoint_every = 100\n",
                  (folder_.path() / "teaching").string(), random.string(), taught.string(),
                  refusing_samples(folder_.path()).string()),
      "teaching.toml");
  ASSERT_TRUE(run_sft(teaching, {}).finished);

  DpoRecipe learning =
      recipe({.run = "r",
              .steps = 16,
              .optimizer = "learning_rate = 4e-4\nwarmup_steps = 0\npairs_per_step = 8\n",
              .logging = "evaluate_every = 16\nevaluation_questions = 84\nevaluation_pairs = 16\n",
              .model = taught});
  learning.pairs.prompts = 40;
  learning.pairs.samples = 6;
  learning.pairs.most_pairs_per_prompt = 2;
  learning.pairs.examples_where_none_refuses = false;
  learning.rollout.max_tokens = 40;
  const DpoResult result = run_dpo(learning, {});
  const double before = value(learning.run_folder / "test.csv", "refusals_sampled", 0);
  EXPECT_GT(before, 0.08) << "it was taught to refuse";
  EXPECT_LT(result.refusals, 0.5 * before);
  EXPECT_GT(result.accuracy, 0.9);
  EXPECT_LT(result.loss, 0.5);
}

TEST(DpoRecipe, SaysWhatIsWrong) {
  const auto refused = [](const std::string& toml) {
    try {
      parse_dpo_recipe(toml, "r.toml");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string start = "name = \"a\"\n[model]\ninit = \"m\"\n";
  EXPECT_EQ(refused(start), "accepted");
  EXPECT_THAT(refused("name = \"a\"\n"), HasSubstr("model.init is missing"));
  EXPECT_THAT(refused(start + "[loss]\nbetta = 0.1\n"),
              AllOf(HasSubstr("r.toml:5"), HasSubstr("unknown key loss.betta")));
  EXPECT_THAT(refused(start + "[loss]\nbeta = 0.0\n"), HasSubstr("loss.beta must be above 0"));
  EXPECT_THAT(refused(start + "[loss]\nlabel_smoothing = 0.5\n"), HasSubstr("below 0.5"));
  EXPECT_THAT(refused(start + "[data]\njsonl = \"p.jsonl\"\n[pairs]\nprompts = 3\n"),
              HasSubstr("leave out [pairs]"));
  EXPECT_THAT(refused(start + "[pairs]\nsamples = 8\n[rollout]\nlive_sequences = 4\n"),
              HasSubstr("at least pairs.samples"));
  EXPECT_THAT(refused(start + "[optimizer]\nsteps = 0\nepochs = 0.0\n"),
              HasSubstr("must be above 0"));
  EXPECT_THAT(refused(start + "[policy]\nclip = 0.1\n"), HasSubstr("unknown key policy"));
}

TEST(DpoRecipe, TheRecipesOfTheRepositoryAreRead) {
  const fs::path recipes = fs::path(STAPES_SOURCE_DIR) / "recipes";
  EXPECT_EQ(load_dpo_recipe(recipes / "dpo_tiny.toml").loss.beta, 0.1);
  EXPECT_GT(load_recipe(recipes / "self_cognition_tiny.toml").data.refusal_share, 0);
}

}  // namespace
}  // namespace stapes::train
