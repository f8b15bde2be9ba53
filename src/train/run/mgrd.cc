#include "train/run/mgrd.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "base/fail.h"
#include "base/rng.h"
#include "spec/model_config.h"
#include "train/data/mixed_source.h"
#include "train/mgrd/distill.h"
#include "train/mgrd/distilled_source.h"
#include "train/mgrd/held_out.h"
#include "train/mgrd/round_manifest.h"
#include "train/rl/prompt_mix.h"
#include "train/run/make_folder.h"
#include "train/run/metrics.h"
#include "train/run/rl.h"
#include "train/run/session.h"
#include "train/run/sft.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kDistill = "distill";
constexpr const char* kSft = "sft";
constexpr const char* kEvaluateSft = "evaluate-sft";
constexpr const char* kRl = "rl";
constexpr const char* kEvaluate = "evaluate";

// JSON has no NaN.
Json to_json(const Figures& figures) {
  Json object = Json::object();
  for (const auto& [name, value] : figures)
    object[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  return object;
}
Figures figures_of(const Json& object) {
  Figures figures;
  for (const auto& [name, value] : object.items())
    figures.emplace_back(name, value.is_null() ? std::nan("") : value.get<double>());
  return figures;
}

// A model, ready to answer.
struct Answerer {
  Answerer(const fs::path& folder, const MgrdRecipe& recipe)
      : config(load_config(folder)),
        engine(config, read_model_files(folder), Parameters::load(folder, config),
               {.threads = recipe.threads,
                .live_sequences = recipe.distill.live_sequences,
                .kv_tokens = recipe.distill.kv_tokens,
                .max_tokens = recipe.distill.max_tokens}) {}
  ModelConfig config;
  RolloutEngine engine;
};

class MgrdRun {
 public:
  MgrdRun(const MgrdRecipe& recipe, const MgrdOptions& options)
      : recipe_(recipe),
        options_(options),
        config_(load_config(recipe.model.init)),
        files_(read_model_files(recipe.model.init)),
        tokenizer_(Tokenizer::parse(files_.tokenizer_json,
                                    (recipe.model.init / "tokenizer.json").string())),
        prompts_(audio_prompts_of(recipe.data, recipe.seed, tokenizer_,
                                  config_.decoder.max_positions - recipe.distill.max_tokens)),
        manifest_(recipe.run_folder, "mgrd", recipe.source_text, prompts_->fingerprint(),
                  options.resume),
        evaluations_(recipe.run_folder, "evaluation", last_evaluated(kEvaluate, 0)) {
    if (with_rl())
      sft_evaluations_.emplace(recipe.run_folder, "evaluation-sft",
                               last_evaluated(kEvaluateSft, 1));
  }

  MgrdResult run() {
    try {
      rewrite_first_row();
      evaluate(0, kEvaluate, recipe_.model.init);
      for (int round = 1; round <= recipe_.rounds; ++round) run_round(round);
      if (!recipe_.model.output.empty()) write_output();
      manifest_.finish();
      result_.finished = true;
    } catch (const Error& error) {
      // Asked to stop: what was begun and is not done is left out, or is in a checkpoint.
      if (error.code() != ErrorCode::kCancelled || !stop_requested()) throw;
    }
    return result_;
  }

 private:
  fs::path folder_of(int round) const {
    return recipe_.run_folder / fmt::format("round-{}", round);
  }
  bool with_rl() const { return recipe_.rl.iterations > 0; }
  fs::path model_before(int round) const {
    if (round == 1) return recipe_.model.init;
    return folder_of(round - 1) / (with_rl() ? kRl : kSft) / "model";
  }

  void run_round(int round) {
    const fs::path folder = folder_of(round);
    const fs::path start = model_before(round);
    const fs::path distilled = folder / "distilled.jsonl";
    const fs::path after_sft = folder / kSft / "model";
    make_folder(folder);
    step(round, kDistill, {start}, {distilled, folder / "funnel.json"},
         [&] { return distill_chains(round, start); });
    step(round, kSft, {start, distilled}, {after_sft}, [&] { return train(round, start); });
    fs::path after = after_sft;
    if (with_rl()) {
      evaluate(round, kEvaluateSft, after_sft);
      after = folder / kRl / "model";
      step(round, kRl, {after_sft}, {after}, [&] { return reinforce(round, after_sft); });
    }
    evaluate(round, kEvaluate, after);
    result_.rounds = round;
  }

  // One step, unless the manifest says that it is done. `work` returns the counts.
  void step(int round, const char* name, const std::vector<fs::path>& inputs,
            const std::vector<fs::path>& outputs, const std::function<Json()>& work) {
    if (manifest_.find(round, name) != nullptr) return;
    result_.stopped_in = fmt::format("the step {} of round {}", name, round);
    if (stop_requested()) fail(ErrorCode::kCancelled, "stopped before {}", result_.stopped_in);
    StepRecord record{.round = round, .step = name, .inputs = records(inputs), .outputs = {}};
    manifest_.check_unchanged(record.inputs);
    record.counts = work();
    record.outputs = records(outputs);
    manifest_.add(std::move(record));
  }

  std::vector<FileRecord> records(const std::vector<fs::path>& paths) const {
    std::vector<FileRecord> all;
    for (const fs::path& path : paths)
      for (FileRecord& record : records_of(path, recipe_.run_folder))
        all.push_back(std::move(record));
    return all;
  }

  Json distill_chains(int round, const fs::path& start) {
    fmt::print(stderr, "{}: round {} of {}: {} chains of each question, by {}\n", recipe_.name,
               round, recipe_.rounds, recipe_.distill.samples, start.string());
    const Answerer model(start, recipe_);
    const Distillation result =
        distill(recipe_, round, *prompts_, model.engine, folder_of(round), options_.stop);
    fmt::print(stderr, "round {}: {} chains distilled from {} questions; {}\n", round,
               result.chains, result.questions, (folder_of(round) / "funnel.json").string());
    return result.funnel;
  }

  Json train(int round, const fs::path& start) {
    Recipe sft;
    sft.name = fmt::format("{}, round {}, sft", recipe_.name, round);
    sft.run_folder = folder_of(round) / kSft;
    sft.model = {.init = start, .output = sft.run_folder / "model", .save_dtype = "f32"};
    sft.optimizer = recipe_.sft.optimizer;
    sft.optimizer.seed = Rng(recipe_.sft.optimizer.seed, 0x736674, round_number(round)).next();
    sft.logging = recipe_.sft.logging;
    sft.source_text = fmt::format("# {}\n{}", sft.name, recipe_.source_text);
    const SftResult result = run_sft(sft, {.resume = latest_checkpoint(sft.run_folder).has_value(),
                                           .stop = options_.stop,
                                           .source = examples(round, sft.optimizer.seed)});
    if (!result.finished) fail(ErrorCode::kCancelled, "stopped in sft");
    // No losses: a run that was killed between its last step and this line does not know them.
    return {{"steps", result.steps}};
  }

  // Distilled chains, and the text beside them.
  std::shared_ptr<const ExampleSource> examples(int round, uint64_t seed) const {
    const int64_t bands = config_.encoder.mel_bands;
    auto distilled = distilled_source(
        folder_of(round) / "distilled.jsonl", prompts_,
        {.seed = seed, .cut_thought_share = recipe_.sft.cut_thought_share}, tokenizer_, bands);
    const MgrdSftRecipe& wanted = recipe_.sft;
    if (wanted.sources.empty() || wanted.text_share == 0) return distilled;
    double weights = 0;
    for (const MgrdTextSource& source : wanted.sources) weights += source.weight;
    std::vector<WeightedSource> parts = {{"distilled", distilled, 1 - wanted.text_share}};
    Quarantine none(0, {});  // the first bad line is an error
    for (const MgrdTextSource& source : wanted.sources)
      parts.push_back({source.name,
                       jsonl_source(source.jsonl, {.seed = seed}, tokenizer_, bands, none),
                       wanted.text_share * source.weight / weights});
    return mixed_source(std::move(parts), seed);
  }

  Json reinforce(int round, const fs::path& start) {
    RlRecipe rl = recipe_.rl;
    rl.name = fmt::format("{}, round {}, rl", recipe_.name, round);
    rl.run_folder = folder_of(round) / kRl;
    rl.model = {.init = start, .output = rl.run_folder / "model", .save_dtype = "f32"};
    rl.data = recipe_.data;
    rl.seed = Rng(recipe_.rl.seed, 0x726c, round_number(round)).next();
    rl.source_text = fmt::format("# {}\n{}", rl.name, recipe_.source_text);
    // The world's prompts that no round distils from and no other round reinforces.
    constexpr uint64_t kApart = uint64_t{1} << 40;
    const auto audio = prompts_from(prompts_, kApart * round_number(round));
    const RlResult result =
        run_rl(rl, {.resume = latest_checkpoint(rl.run_folder).has_value(),
                    .stop = options_.stop,
                    .prompts = with_text(audio, recipe_.data, rl.seed, tokenizer_,
                                         config_.decoder.max_positions - rl.rollout.max_tokens)});
    if (!result.finished) fail(ErrorCode::kCancelled, "stopped in rl");
    return {{"iterations", result.iterations}};
  }

  void evaluate(int round, const char* name, const fs::path& model) {
    const fs::path folder = folder_of(round);
    const bool of_sft = std::string_view(name) == kEvaluateSft;
    const fs::path replies = folder / (of_sft ? "evaluation-sft.jsonl" : "evaluation.jsonl");
    make_folder(folder);
    std::vector<fs::path> outputs = {replies};
    if (!of_sft && round > 0 && recipe_.evaluation.examples > 0)
      outputs.push_back(folder / "examples.jsonl");
    step(round, name, {model}, outputs, [&] {
      const Answerer answerer(model, recipe_);
      const HeldOut held_out =
          evaluate_held_out(recipe_, *prompts_, answerer.engine, options_.stop);
      write_replies(replies, held_out.replies);
      if (outputs.size() > 1)
        write_examples(folder, recipe_.evaluation.examples, *prompts_,
                       read_replies(folder_of(round - 1) / "evaluation.jsonl"), held_out.replies);
      (of_sft ? *sft_evaluations_ : evaluations_).write(round, held_out.figures);
      show(round, of_sft, held_out.figures);
      return to_json(held_out.figures);
    });
  }

  void show(int round, bool of_sft, const Figures& figures) {
    std::string line;
    for (const auto& [name, value] : figures) {
      if (name == "accuracy") result_.accuracy = value;
      if (name.find('/') == std::string::npos) line += fmt::format("  {} {:.3g}", name, value);
    }
    fmt::print(stderr, "{}: on {} prompts that are not trained on, greedy:{}\n",
               round == 0 ? "the starting model"
                          : fmt::format("after round {}{}", round, of_sft ? "'s sft" : ""),
               recipe_.evaluation.prompts, line);
  }

  // The step up to which the rows of an evaluation's CSV stand.
  int64_t last_evaluated(const char* name, int first) const {
    int round = first;
    while (manifest_.find(round, name) != nullptr) ++round;
    return std::max(round - 1, 0);
  }

  // A metrics log that is opened at step 0 is empty, and so the row of step 0 has to be written
  // again.
  void rewrite_first_row() {
    if (last_evaluated(kEvaluate, 0) > 0) return;
    if (const StepRecord* done = manifest_.find(0, kEvaluate))
      evaluations_.write(0, figures_of(done->counts));
  }

  void write_output() const {
    const fs::path last = model_before(recipe_.rounds + 1);
    write_model_folder(recipe_.model.output, read_model_files(last),
                       Parameters::load(last, config_), save_dtype(recipe_.model.save_dtype));
  }

  static uint64_t round_number(int round) { return static_cast<uint64_t>(round); }
  bool stop_requested() const { return options_.stop != nullptr && options_.stop->load(); }

  const MgrdRecipe& recipe_;
  const MgrdOptions& options_;
  ModelConfig config_;
  ModelFiles files_;
  Tokenizer tokenizer_;
  std::shared_ptr<const PromptSource> prompts_;
  RoundManifest manifest_;
  MetricsLog evaluations_;
  std::optional<MetricsLog> sft_evaluations_;  // where reinforcement follows
  MgrdResult result_;
};

}  // namespace

MgrdResult run_mgrd(const MgrdRecipe& recipe, const MgrdOptions& options) {
  return MgrdRun(recipe, options).run();
}

}  // namespace stapes::train
