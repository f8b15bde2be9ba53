// Distillation as a whole, on the small model of this repository: what is kept, that it comes out
// the same each time and after every stop, and that it says what is wrong.
#include "train/run/mgrd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "audio/audio_file.h"
#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"
#include "tensor/safetensors.h"
#include "train/data/jsonl_rows.h"
#include "train/mgrd/chain.h"
#include "train/mgrd/chain_filter.h"
#include "train/mgrd/distilled_source.h"
#include "train/rl/prompt_mix.h"
#include "train/run/checkpoint.h"
#include "train/testing/mgrd_recipe_text.h"
#include "world/export.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::mgrd_text;
using testing::MgrdText;

class MgrdTest : public ::testing::Test {
 protected:
  MgrdRecipe recipe(const std::string& run, MgrdText text = {}) const {
    text.run_folder = folder_.path() / run;
    return parse_mgrd_recipe(mgrd_text(text), "test.toml");
  }
  template <typename Run>
  static std::string refusal(Run&& run) {
    try {
      run();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }
  static ordered_json json_in(const fs::path& path) { return ordered_json::parse(read_file(path)); }

  stapes::testing::TemporaryFolder folder_;
};

// A manifest without what names the run's own recipe: its folder stands in the recipe's text.
ordered_json manifest_of(const MgrdRecipe& recipe) {
  ordered_json json = ordered_json::parse(read_file(recipe.run_folder / "manifest.json"));
  json.erase("recipe_sha256");
  return json;
}

void expect_same_run(const MgrdRecipe& a, const MgrdRecipe& b) {
  for (const char* file :
       {"manifest.json", "round-1/distilled.jsonl", "round-1/funnel.json", "evaluation.csv",
        "round-1/evaluation.jsonl", "round-1/examples.jsonl", "round-1/sft/model/model.safetensors",
        "round-1/rl/model/model.safetensors", "round-2/distilled.jsonl",
        "round-2/sft/model/model.safetensors"}) {
    ASSERT_EQ(fs::exists(a.run_folder / file), fs::exists(b.run_folder / file)) << file;
    if (!fs::exists(a.run_folder / file)) continue;
    if (std::string_view(file) == "manifest.json")
      EXPECT_EQ(manifest_of(a), manifest_of(b));
    else
      EXPECT_TRUE(read_file(a.run_folder / file) == read_file(b.run_folder / file)) << file;
  }
}

// The reference that stands in the line makes the very clip again.
void expect_the_clip_again(const Chain& chain, const RolloutPrompt& prompt) {
  const auto& reference = chain.origin.at("world");
  world::WorldOptions options;
  options.max_digits = reference.at("max_digits").get<int>();
  options.max_notes = reference.at("max_notes").get<int>();
  options.paraphrase_share = reference.at("paraphrase_share").get<double>();
  ASSERT_EQ(reference.at("split"), "train");
  const world::Example example = world::World(options).example(
      world::task_by_name(reference.at("task").get<std::string>()), world::Split::kTrain,
      reference.at("seed").get<uint64_t>(), reference.at("index").get<uint64_t>());
  EXPECT_EQ(example.clip.audio.samples, prompt.clips.front().samples);
  EXPECT_EQ(example.question, question_text(prompt));
}

TEST_F(MgrdTest, KeepsWhatPassesTheFilterAndOnlyThat) {
  const MgrdRecipe r = recipe("run", {.distill = "questions = 12\nsamples = 4\n"});
  const MgrdResult result = run_mgrd(r, {});
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.rounds, 1);

  const fs::path round = r.run_folder / "round-1";
  const std::vector<Chain> all = read_chains(round / "samples" / "00000000.jsonl");
  EXPECT_EQ(all.size(), 48U);
  const std::vector<Chain> kept = read_chains(round / "distilled.jsonl");
  const ordered_json funnel = json_in(round / "funnel.json");
  EXPECT_EQ(funnel["replies"], 48);
  EXPECT_EQ(funnel["distilled"], kept.size());
  EXPECT_GT(kept.size(), 0U);
  EXPECT_LT(funnel["kept"], 48) << "of 48 chains at temperature 1 some are wrong";
  EXPECT_EQ(funnel["kept"].get<size_t>(),
            kept.size() + funnel["left_out"]["duplicates"].get<size_t>() +
                funnel["left_out"]["beyond_keep_per_question"].get<size_t>());
  EXPECT_EQ(std::ranges::count_if(all, &Chain::kept), funnel["kept"]);

  // Read again from the file, each passes again: the text, not the report that stands beside it.
  const Tokenizer tokenizer = Tokenizer::parse(read_file(r.model.init / "tokenizer.json"),
                                               (r.model.init / "tokenizer.json").string());
  const auto prompts = audio_prompts_of(r.data, r.seed, tokenizer, 1000);
  std::map<uint64_t, int> per_question;
  for (const Chain& chain : kept) {
    const RolloutPrompt prompt = prompts->get(Phase::kTraining, chain.question);
    EXPECT_EQ(prompt.id, chain.id);
    EXPECT_EQ(prompt.expected.text, chain.right);
    expect_the_clip_again(chain, prompt);
    const std::string text = chain.messages.back().at("content").get<std::string>();
    const reward::GroundingReport report = reward::check_grounding(
        {.question = question_text(prompt),
         .reply = reward::split_reply(text.substr(std::string("<think>\n").size())),
         .evidence = evidence_of(prompt),
         .expected = prompt.expected},
        r.filter);
    EXPECT_TRUE(report.kept()) << text << "\n" << report.reason;
    EXPECT_EQ(reward::to_json(report).at("stage"), chain.report.at("stage"));
    EXPECT_LE(++per_question[chain.question], r.distill.keep_per_question);
  }
}

TEST_F(MgrdTest, WhatIsTrainedOnAreTheSampledIds) {
  const MgrdRecipe r = recipe("run");
  run_mgrd(r, {});
  const fs::path path = r.run_folder / "round-1" / "distilled.jsonl";
  const Tokenizer tokenizer = Tokenizer::parse(read_file(r.model.init / "tokenizer.json"),
                                               (r.model.init / "tokenizer.json").string());
  const ModelConfig config = load_config(r.model.init);
  const std::shared_ptr<const PromptSource> prompts =
      audio_prompts_of(r.data, r.seed, tokenizer, 1000);
  const auto source = distilled_source(path, prompts, {}, tokenizer, config.encoder.mel_bands);
  const std::vector<Chain> chains = read_chains(path);
  const LogMel mel(config.encoder.mel_bands);
  size_t read_alike = 0;
  for (size_t i = 0; i < chains.size(); ++i) {
    // Fewer than 20: all are for evaluation, in their order.
    const TrainingExample example = source->get(Phase::kEvaluation, i, 0);
    std::vector<int32_t> trained;
    for (const int32_t label : example.labels)
      if (label != kIgnore) trained.push_back(label);
    EXPECT_EQ(trained, std::vector<int32_t>(chains[i].ids.begin(), chains[i].ids.end()));

    // Where the text, read again, gives the same ids, the example is the one that sft makes of it.
    const RolloutPrompt prompt = prompts->get(Phase::kTraining, chains[i].question);
    std::vector<MelSpectrogram> mels;
    mels.push_back(mel.compute(prompt.clips.front().samples));
    const std::string text = chains[i].messages.back().at("content").get<std::string>();
    const TrainingExample read = make_example(
        tokenizer, std::move(mels),
        {{prompt.messages, {"<think>\n", text.substr(std::string("<think>\n").size()), {}}}});
    if (read.ids.size() != example.ids.size() || read.labels != example.labels) continue;
    ++read_alike;
    EXPECT_EQ(read.ids, example.ids);
    EXPECT_EQ(read.positions, example.positions);
    EXPECT_EQ(read.mels.front().values, example.mels.front().values);
  }
  EXPECT_GT(read_alike, 0U);

  // With the thought broken off and given, only the answer is trained on; evaluation stays whole.
  const auto cut = distilled_source(path, prompts, {.cut_thought_share = 1}, tokenizer,
                                    config.encoder.mel_bands);
  const TrainingExample whole = source->get(Phase::kEvaluation, 0, 0);
  EXPECT_EQ(cut->get(Phase::kEvaluation, 0, 0).labels, whole.labels);
  for (uint64_t i = 0; i < chains.size(); ++i) {
    std::vector<TokenId> trained;
    for (const int32_t label : cut->get(Phase::kTraining, i, 0).labels)
      if (label != kIgnore) trained.push_back(label);
    ASSERT_FALSE(trained.empty());
    trained.pop_back();  // the stop token
    EXPECT_TRUE(std::ranges::any_of(chains, [&](const Chain& chain) {
      return chain.answer == tokenizer.decode(trained);
    })) << tokenizer.decode(trained);
  }
  EXPECT_NE(cut->fingerprint(), source->fingerprint());
}

TEST_F(MgrdTest, TheSameTwiceAndAnotherSeedDiffers) {
  const MgrdRecipe first = recipe("first"), second = recipe("second");
  run_mgrd(first, {});
  run_mgrd(second, {});
  expect_same_run(first, second);
  MgrdRecipe other = recipe("other");
  other.seed = 2;
  run_mgrd(other, {});
  EXPECT_NE(read_file(first.run_folder / "round-1" / "distilled.jsonl"),
            read_file(other.run_folder / "round-1" / "distilled.jsonl"));
}

TEST_F(MgrdTest, HowManyQuestionsAreAskedTogetherDoesNotMatter) {
  const MgrdRecipe two = recipe("two");
  MgrdRecipe all = recipe("all");
  all.distill.questions_at_once = 100;
  run_mgrd(two, {});
  run_mgrd(all, {});
  EXPECT_EQ(read_file(two.run_folder / "round-1" / "distilled.jsonl"),
            read_file(all.run_folder / "round-1" / "distilled.jsonl"));
}

TEST_F(MgrdTest, StoppedAnywhereAndResumedItIsTheSameRun) {
  const MgrdText text = {.rounds = 2, .rl_iterations = 2};
  const MgrdRecipe whole = recipe("whole", text);
  EXPECT_TRUE(run_mgrd(whole, {}).finished);

  const MgrdRecipe parts = recipe("parts", text);
  bool resume = false;
  for (const char* until :
       {"round-1/samples/00000002.jsonl", "round-1/sft/checkpoints/step-00000002",
        "round-1/rl/checkpoints/step-00000001", "round-2/samples/00000000.jsonl",
        "round-2/sft/checkpoints/step-00000002"}) {
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
      while (!fs::exists(parts.run_folder / until))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stop = true;
    });
    const MgrdResult result = run_mgrd(parts, {.resume = resume, .stop = &stop});
    stopper.join();
    EXPECT_FALSE(result.finished) << until;
    EXPECT_NE(result.stopped_in, "") << until;
    resume = true;
  }
  EXPECT_TRUE(run_mgrd(parts, {.resume = true}).finished);
  expect_same_run(whole, parts);
  // A third time there is nothing to do, and nothing changes.
  EXPECT_TRUE(run_mgrd(parts, {.resume = true}).finished);
  expect_same_run(whole, parts);
}

TEST_F(MgrdTest, TheEncoderStaysAsItIsAndTheRestIsTrained) {
  const MgrdRecipe r = recipe("run");
  run_mgrd(r, {});
  const auto before = SafetensorsFile::open(r.model.init / "model.safetensors");
  const auto after =
      SafetensorsFile::open(r.run_folder / "round-1" / "sft" / "model" / "model.safetensors");
  size_t same = 0, changed = 0;
  for (const auto& [name, tensor] : before.tensors()) {
    const bool equal = widened_to_f32(tensor) == widened_to_f32(after.tensors().at(name));
    EXPECT_TRUE(equal || !name.starts_with("encoder.")) << name;
    (equal ? same : changed) += 1;
  }
  EXPECT_GT(same, 0U);
  EXPECT_GT(changed, 0U);
}

TEST_F(MgrdTest, WritesWhatAReportShows) {
  const MgrdRecipe r = recipe("run");
  run_mgrd(r, {});
  const fs::path round = r.run_folder / "round-1";
  std::ifstream lines(round / "examples.jsonl");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const ordered_json example = ordered_json::parse(line);
    EXPECT_GT(load_audio_file(round / example["audio"].get<std::string>()).seconds(), 0.2);
    for (const char* side : {"before", "after"})
      EXPECT_NE(example[side]["thinking"].get<std::string>(), "");
    EXPECT_EQ(example["before"]["report"]["kept"].is_boolean(), true);
  }
  EXPECT_EQ(count, 2);
  const std::string csv = read_file(r.run_folder / "evaluation.csv");
  EXPECT_THAT(csv, AllOf(HasSubstr("step,accuracy,thought_tokens,surrogates"), HasSubstr("\n0,"),
                         HasSubstr("\n1,"), HasSubstr("accuracy/loudness")));
  const ordered_json manifest = json_in(r.run_folder / "manifest.json");
  EXPECT_EQ(manifest["finished"], true);
  std::vector<std::string> steps;
  for (const auto& step : manifest["steps"]) steps.push_back(step["step"]);
  EXPECT_EQ(steps, (std::vector<std::string>{"evaluate", "distill", "sft", "evaluate"}));
  EXPECT_EQ(manifest["steps"][1]["counts"]["replies"], 18);
}

TEST_F(MgrdTest, SelectsByPassesAsReinforcementDoes) {
  const MgrdRecipe r =
      recipe("run", {.distill = "questions = 3\nsamples = 2\n",
                     .more = "[selection]\npool = 12\nsamples = 4\nlowest = 1\nhighest = 4\n"});
  run_mgrd(r, {});
  const ordered_json selection = json_in(r.run_folder / "round-1" / "selection.json");
  EXPECT_EQ(selection["histogram"].size(), 5U);
  EXPECT_EQ(selection["prompts"], 12);
  const std::set<uint64_t> kept(selection["kept"].begin(), selection["kept"].end());
  const ordered_json questions = json_in(r.run_folder / "round-1" / "questions.json")["questions"];
  EXPECT_EQ(questions.size(), 3U);
  for (const auto& question : questions) EXPECT_TRUE(kept.contains(question.get<uint64_t>()));

  const MgrdRecipe none = recipe(
      "none",
      {.max_tokens = 2, .more = "[selection]\npool = 6\nsamples = 2\nlowest = 2\nhighest = 2\n"});
  EXPECT_THAT(refusal([&] { run_mgrd(none, {}); }),
              AllOf(HasSubstr("no prompt of 6 was answered right 2 to 2 times of 2"),
                    HasSubstr("selection.json")));
}

// Files that are measured, with text beside them in both trainings.
TEST_F(MgrdTest, DistilsFromRecordingsAndMixesInText) {
  world::WorldOptions sounds;
  sounds.max_notes = 3;
  const fs::path data = folder_.path() / "data";
  world::export_examples(world::World(sounds), world::Split::kTrain, 16, 5, data);
  std::ofstream(data / "text.jsonl")
      << R"({"messages": [{"role": "user", "content": "What is 2 + 3?"}, {"role": "assistant", )"
         R"("content": "5"}], "answer": "5", "task": "plus"})"
      << "\n";
  const std::string text = (data / "text.jsonl").string();
  const MgrdRecipe r = recipe(
      "run", {.rl_iterations = 1,
              .data = "jsonl = \"" + (data / "train.jsonl").string() + "\"\ntext_jsonl = \"" +
                      text + "\"\ntext_share = 0.5\ntasks = [\"count-notes\", \"loudness\"]\n",
              .distill = "questions = 100\nsamples = 2\n",
              .more = "[[sft.sources]]\nname = \"plus\"\njsonl = \"" + text + "\"\n"});
  EXPECT_TRUE(run_mgrd(r, {}).finished);

  const fs::path round = r.run_folder / "round-1";
  const std::vector<Chain> kept = read_chains(round / "distilled.jsonl");
  ASSERT_FALSE(kept.empty());
  for (const Chain& chain : kept) {
    EXPECT_TRUE(chain.task == "count-notes" || chain.task == "loudness") << chain.task;
    EXPECT_TRUE(fs::path(chain.origin.at("audios").at(0).get<std::string>()).is_absolute());
  }
  EXPECT_EQ(json_in(round / "questions.json")["questions"].size(), 8U)
      << "of 16 rows, half have these tasks";
  // What was distilled of recordings is a file that sft reads, too.
  EXPECT_EQ(read_jsonl(round / "distilled.jsonl").rows.size(), kept.size());
  EXPECT_THAT(read_file(round / "sft" / "checkpoints" / "step-00000004" / "state.json"),
              AllOf(HasSubstr("mixture; distilled x 0.5"), HasSubstr("; plus x 0.5")));
  EXPECT_THAT(read_file(round / "rl" / "metrics.csv"), HasSubstr("accuracy/plus"));
}

TEST_F(MgrdTest, SaysThatNoQuestionHasASound) {
  const fs::path text = folder_.path() / "text.jsonl";
  std::ofstream(text) << R"({"messages": [{"role": "user", "content": "2 + 3?"}], "answer": "5"})"
                      << "\n";
  const MgrdRecipe r = recipe("run", {.data = "jsonl = \"" + text.string() + "\"\n"});
  EXPECT_THAT(refusal([&] { run_mgrd(r, {}); }), HasSubstr("has a sound"));
}

TEST_F(MgrdTest, SaysWhereChainsWereDroppedIfNoneIsLeft) {
  const MgrdRecipe r = recipe("run", {.filter = "fewest_true_claims = 99\n"});
  EXPECT_THAT(refusal([&] { run_mgrd(r, {}); }),
              AllOf(HasSubstr("round 1: none of 18 chains (of 6 questions) passed the filter"),
                    HasSubstr(" at true-claims"), HasSubstr("samples")));
  const ordered_json funnel = json_in(r.run_folder / "round-1" / "funnel.json");
  EXPECT_EQ(funnel["kept"], 0);
  EXPECT_GT(funnel["dropped"]["true-claims"], 0);
  EXPECT_FALSE(fs::exists(r.run_folder / "round-1" / "sft")) << "nothing was trained";
  // A control arm that asks for nothing of the kind keeps them.
  const MgrdRecipe right_only =
      recipe("control", {.filter = "fewest_true_claims = 99\nrequire_grounded = false\n"});
  EXPECT_TRUE(run_mgrd(right_only, {}).finished);
}

TEST_F(MgrdTest, RefusesWhatDoesNotFitTheRun) {
  const MgrdRecipe r = recipe("run");
  EXPECT_THAT(refusal([&] { run_mgrd(r, {.resume = true}); }), HasSubstr("no manifest.json"));
  run_mgrd(r, {});
  EXPECT_THAT(refusal([&] { run_mgrd(r, {}); }), HasSubstr("already holds a run"));
  EXPECT_THAT(refusal([&] { run_mgrd(recipe("run", {.rounds = 2}), {.resume = true}); }),
              HasSubstr("the recipe is not the one"));
  MgrdRecipe other = r;
  other.data.tasks = {"loudness"};
  EXPECT_THAT(refusal([&] { run_mgrd(other, {.resume = true}); }),
              HasSubstr("the data have changed"));
}

TEST_F(MgrdTest, NoticesThatAStepsFileHasChanged) {
  const MgrdRecipe r = recipe("run", {.rounds = 2});
  std::atomic<bool> stop{false};
  std::thread stopper([&] {
    while (!fs::exists(r.run_folder / "round-1" / "sft" / "model" / "model.safetensors"))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop = true;
  });
  EXPECT_FALSE(run_mgrd(r, {.stop = &stop}).finished);
  stopper.join();
  ASSERT_TRUE(fs::exists(r.run_folder / "manifest.json"));
  std::ofstream(r.run_folder / "round-1" / "sft" / "model" / "config.json", std::ios::app) << " ";
  EXPECT_THAT(
      refusal([&] { run_mgrd(r, {.resume = true}); }),
      AllOf(HasSubstr("has changed since the step sft of round 1"), HasSubstr("config.json")));
}

}  // namespace
}  // namespace stapes::train
