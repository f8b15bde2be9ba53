#include "train/run/dpo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "reward/self_cognition.h"
#include "train/data/shuffle.h"
#include "train/dpo/hearing_prompts.h"
#include "train/dpo/own_pairs.h"
#include "train/dpo/reference.h"
#include "train/run/adapted.h"
#include "train/run/memory_report.h"
#include "train/run/metrics.h"
#include "train/run/progress.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kEvaluationStream = 0x657661;  // of random numbers; another than own_pairs()
constexpr size_t kPairsAtOnce = 64;               // in evaluations

using Pairs = std::vector<const Preference*>;

StepShape shape_of(const MicroBatch& batch) {
  const bool sound = batch.encoded.defined();
  return {.examples = batch.rows.ids.size(0),
          .rows = batch.rows.ids.size(1),
          .loss_rows = batch.tokens,
          .clips = sound ? batch.encoded.size(0) : 0,
          .mel_frames = sound ? 4 * batch.encoded.size(1) : 0};
}

class DpoRun {
 public:
  DpoRun(const DpoRecipe& recipe, const DpoOptions& options)
      : recipe_(recipe),
        options_(options),
        ranks_(options.ranks != nullptr ? *options.ranks : alone_),
        device_(prepare_libtorch(recipe.threads, recipe.dtype)),
        config_(load_config(recipe.model.init)),
        files_(read_model_files(recipe.model.init)),
        start_(load_weights(recipe.model.init, config_, recipe.model, device_,
                            [&](const std::string& part) { return is_frozen(part, recipe); })),
        model_hash_(hash_of(start_)),
        checkpoint_(open_run(recipe.run_folder, recipe.source_text, options.resume, ranks_)) {
    adapt(start_, recipe.lora, config_, recipe.seed, device_);
    engine_.emplace(config_, files_, start_,
                    RolloutEngineOptions{.threads = recipe.threads,
                                         .live_sequences = recipe.rollout.live_sequences,
                                         .kv_tokens = recipe.rollout.kv_tokens,
                                         .max_tokens = recipe.rollout.max_tokens});
  }

  DpoResult run() {
    try {
      prepare();
      train();
    } catch (const Error& error) {
      // Asked to stop: what was begun and is not done is left out.
      if (error.code() != ErrorCode::kCancelled) throw;
      stopped_ = true;
    }
    if (stopped_ && result_.saved) save();
    result_.steps = step_;
    result_.all_steps = steps_;
    result_.skipped = skipped_;
    result_.finished = result_.saved && step_ == steps_;
    if (result_.finished && ranks_.leads())
      write_result(recipe_.run_folder, files_, policy_->parameters(), recipe_.model);
    return result_;
  }

 private:
  // Pairs and the reference's numbers, and the checkpoint to go on from.
  void prepare() {
    fs::path pairs = recipe_.data.jsonl;
    if (pairs.empty() && checkpoint_) pairs = recipe_.run_folder / "pairs.jsonl";
    if (pairs.empty()) pairs = own_pairs(recipe_, model_hash_, *engine_, ranks_, options_.stop);
    preferences_ = Preferences::read(
        pairs, engine_->tokenizer(),
        {.score_thought = recipe_.loss.score_thought, .context_tokens = engine_->context_tokens()});
    steps_ = recipe_.optimizer.steps > 0
                 ? recipe_.optimizer.steps
                 : static_cast<int64_t>(
                       std::ceil(recipe_.optimizer.epochs *
                                 static_cast<double>(preferences_->count(Phase::kTraining)) /
                                 recipe_.optimizer.pairs_per_step));
    if (checkpoint_) check_unchanged(*checkpoint_, load_state(*checkpoint_), state());
    policy_.emplace(recipe_, config_, std::move(start_),
                    static_cast<int64_t>(engine_->tokenizer().size()), steps_, device_, &ranks_);
    find_reference();
    if (checkpoint_) restore();
  }

  // With the same batches as the first pass over the pairs, so that there every ratio is exactly 1.
  void find_reference() {
    const size_t train = preferences_->count(Phase::kTraining), test = evaluation_count();
    std::string key = fmt::format(
        "model {}, {}, seed {}, {} pairs of {} rows, {}, thought {}, {} threads", model_hash_,
        preferences_->fingerprint(), recipe_.seed, recipe_.optimizer.pairs_per_step,
        recipe_.micro_batch_tokens, recipe_.dtype, recipe_.loss.score_thought, recipe_.threads);
    if (!ranks_.alone()) key += fmt::format(", {} ranks", ranks_.count());
    const fs::path file = recipe_.run_folder / "reference.json";
    if (auto kept = load_reference(file, key, train, test)) {
      reference_ = std::move(*kept);
      return;
    }
    reference_ = {PairScores(train), PairScores(test)};
    // Each rank knows its own; the others' are 0 until all are added up.
    for (std::vector<double>* part : {&reference_.train.chosen, &reference_.train.rejected,
                                      &reference_.test.chosen, &reference_.test.rejected})
      std::ranges::fill(*part, 0);
    std::vector<bool> seen(train, false);
    Progress progress(0, static_cast<int64_t>(train + test), ranks_.leads());
    int64_t done = 0;
    const auto note = [&](size_t pairs) {
      stop_here_if_asked();
      progress.show(done += static_cast<int64_t>(pairs), "pairs scored by the reference");
    };
    for (int64_t step = 0; done < static_cast<int64_t>(train); ++step) {
      const std::vector<size_t> all = pairs_of_step(step), own = mine(all);
      const PairScores scores = policy_->score(batches_of(Phase::kTraining, own), own.size());
      for (size_t i = 0; i < own.size(); ++i) {
        if (seen[own[i]]) continue;  // of the next pass
        reference_.train.chosen[own[i]] = scores.chosen[i];
        reference_.train.rejected[own[i]] = scores.rejected[i];
      }
      size_t fresh = 0;
      for (const size_t index : all) {
        fresh += seen[index] ? 0 : 1;
        seen[index] = true;
      }
      note(fresh);
    }
    for (size_t begin = 0; begin < test; begin += kPairsAtOnce) {
      const std::vector<size_t> chosen = evaluation_pairs(begin);
      note(chosen.size());
      if (!ranks_.owns(begin / kPairsAtOnce)) continue;
      const PairScores scores =
          policy_->score(batches_of(Phase::kEvaluation, chosen), chosen.size());
      std::ranges::copy(scores.chosen, reference_.test.chosen.begin() + static_cast<long>(begin));
      std::ranges::copy(scores.rejected,
                        reference_.test.rejected.begin() + static_cast<long>(begin));
    }
    for (std::vector<double>* part : {&reference_.train.chosen, &reference_.train.rejected,
                                      &reference_.test.chosen, &reference_.test.rejected})
      ranks_.sum(*part, "the reference's log-probabilities");
    progress.finish_line();
    done_by_the_first(ranks_, "the reference", [&] {
      save_reference(file, key, reference_);
      return std::string();
    });
  }

  void train() {
    const fs::path logs = log_folder(recipe_.run_folder, ranks_);
    MetricsLog metrics(logs, "metrics", step_);
    MetricsLog test(logs, "test", step_);
    report_memory();
    if (!checkpoint_) begin();
    // Also of a run that was stopped in the middle of an evaluation.
    if (test.last_step() < step_ && is_due(recipe_.logging.evaluate_every)) evaluate(test);
    Progress progress(step_, steps_, ranks_.leads());
    while (step_ < steps_ && !all_stop()) {
      const PreferenceFigures figures = train_step(progress);
      ++step_;
      if (is_due(recipe_.logging.print_every)) report(figures, metrics, progress);
      if (is_due(recipe_.logging.checkpoint_every)) save();
      if (is_due(recipe_.logging.evaluate_every)) {
        progress.finish_line();
        evaluate(test);
      }
    }
  }

  void report_memory() const {
    if (!ranks_.leads()) return;
    std::vector<StepShape> shapes;
    for (const PairBatch& batch : batches_of(Phase::kTraining, pairs_of_step(step_)))
      shapes.push_back(shape_of(batch.rows));
    train::report_memory(config_, plan_of(recipe_), shapes, device_);
  }

  void begin() {
    say("{}: {:.2f} M parameters are trained from {}, on {} pairs, {} a step, beta {}\n",
        recipe_.name, static_cast<double>(policy_->trained_parameters()) / 1e6,
        recipe_.model.init.string(), preferences_->count(Phase::kTraining),
        recipe_.optimizer.pairs_per_step, recipe_.loss.beta);
    if (recipe_.optimizer.warmup_steps >= steps_)
      spdlog::warn("the run ends within its warm-up: {} steps, optimizer.warmup_steps = {}", steps_,
                   recipe_.optimizer.warmup_steps);
    save();
  }

  bool is_due(int64_t every) const { return step_ % every == 0 || step_ == steps_; }

  std::vector<size_t> pairs_of_step(int64_t step) const {
    const auto per_step = static_cast<uint64_t>(recipe_.optimizer.pairs_per_step);
    const uint64_t count = preferences_->count(Phase::kTraining);
    std::vector<size_t> chosen;
    for (uint64_t i = 0; i < per_step; ++i)
      chosen.push_back(shuffled(static_cast<uint64_t>(step) * per_step + i, count, recipe_.seed));
    return chosen;
  }

  size_t evaluation_count() const {
    return std::min(preferences_->count(Phase::kEvaluation),
                    static_cast<size_t>(recipe_.logging.evaluation_pairs));
  }
  std::vector<size_t> evaluation_pairs(size_t begin) const {
    std::vector<size_t> chosen;
    for (size_t i = begin; i < std::min(begin + kPairsAtOnce, evaluation_count()); ++i)
      chosen.push_back(i);
    return chosen;
  }

  // This rank's part.
  std::vector<size_t> mine(const std::vector<size_t>& chosen) const {
    std::vector<size_t> own;
    for (size_t i = 0; i < chosen.size(); ++i)
      if (ranks_.owns(i)) own.push_back(chosen[i]);
    return own;
  }

  // Reads the clips and runs the frozen encoder, once for both replies of each pair.
  std::vector<PairBatch> batches_of(Phase phase, const std::vector<size_t>& chosen) const {
    if (chosen.empty()) return {};  // a rank without a part
    Pairs pairs;
    std::vector<RolloutPrompt> prompts;
    for (const size_t index : chosen) {
      pairs.push_back(&preferences_->get(phase, index));
      prompts.push_back(pairs.back()->prompt());
    }
    const std::vector<TrainerPrompt> read =
        read_prompts(prompts, engine_->tokenizer(), policy_->parameters(), config_, device_);
    return make_pair_batches(read, pairs, recipe_.micro_batch_tokens, device_);
  }

  static PairScores picked(const PairScores& from, const std::vector<size_t>& chosen) {
    PairScores scores;
    for (const size_t index : chosen) {
      scores.chosen.push_back(from.chosen[index]);
      scores.rejected.push_back(from.rejected[index]);
    }
    return scores;
  }

  PreferenceFigures train_step(Progress& progress) {
    const auto start = Clock::now();
    const std::vector<size_t> chosen = pairs_of_step(step_), own = mine(chosen);
    const std::vector<PairBatch> batches = batches_of(Phase::kTraining, own);
    const PreferenceFigures figures =
        policy_->update(batches, picked(reference_.train, own), step_);
    step_s_ = seconds_since(start);
    std::string trouble, hint;
    if (!figures.finite) {
      ++skipped_;
      progress.finish_line();
      trouble = "the loss or its gradient is not finite";
      if (ranks_.leads()) hint = "; the pairs are in " + keep_bad_step(chosen, figures).string();
    } else {
      engine_->refresh(policy_->parameters());
    }
    guard_.note(trouble, step_, recipe_.run_folder, hint);
    return figures;
  }

  fs::path keep_bad_step(const std::vector<size_t>& chosen,
                         const PreferenceFigures& figures) const {
    json pairs = json::array();
    for (const size_t index : chosen) {
      const Preference& pair = preferences_->get(Phase::kTraining, index);
      pairs.push_back({{"id", pair.id},
                       {"chosen", pair.chosen_text},
                       {"rejected", pair.rejected_text},
                       {"reference_chosen", reference_.train.chosen[index]},
                       {"reference_rejected", reference_.train.rejected[index]}});
    }
    const fs::path path = recipe_.run_folder / fmt::format("bad-step-{:08}.json", step_);
    write_file_atomically(path, json{{"step", step_},
                                     {"loss", fmt::format("{}", figures.loss)},
                                     {"gradient_norm", fmt::format("{}", figures.gradient_norm)},
                                     {"pairs", pairs}}
                                        .dump(2) +
                                    "\n");
    return path;
  }

  static std::vector<std::pair<std::string, double>> named(const PreferenceFigures& f) {
    return {{"loss", f.loss},
            {"dpo_loss", f.dpo_loss},
            {"chosen_nll", f.nll},
            {"margin", f.margin},
            {"accuracy", f.accuracy},
            {"chosen_reward", f.chosen_reward},
            {"rejected_reward", f.rejected_reward},
            {"chosen_log_prob", f.chosen_log_prob},
            {"rejected_log_prob", f.rejected_log_prob}};
  }

  void report(const PreferenceFigures& f, MetricsLog& log, Progress& progress) {
    const double pairs_per_s = recipe_.optimizer.pairs_per_step / step_s_;
    auto figures = named(f);
    figures.insert(figures.end(), {{"gradient_norm", f.gradient_norm},
                                   {"learning_rate", f.learning_rate},
                                   {"skipped", static_cast<double>(skipped_)},
                                   {"step_s", step_s_}});
    log.write(step_, figures);
    progress.show(
        step_, fmt::format("loss {:.4f}  margin {:+.3f}  prefers {:.1f} %  rewards "
                           "{:+.3f} {:+.3f}  |g| {:.2f}  lr {:.1e}  {:.1f} pairs/s",
                           f.loss, f.margin, 100 * f.accuracy, f.chosen_reward, f.rejected_reward,
                           f.gradient_norm, f.learning_rate, pairs_per_s));
  }

  // On pairs and on questions that are not trained on.
  void evaluate(MetricsLog& log) {
    const PreferenceFigures figures = evaluate_pairs();
    const double greedy = refusals(0), sampled = refusals(1);
    result_.loss = figures.loss;
    result_.accuracy = figures.accuracy;
    result_.refusals = sampled;
    auto values = named(figures);
    values.emplace_back("refusals_greedy", greedy);
    values.emplace_back("refusals_sampled", sampled);
    log.write(step_, values);
    std::string line = fmt::format(
        "step {}: on {} pairs that are not trained on: loss {:.4f}, margin {:+.3f}, prefers the "
        "chosen in {:.1f} %",
        step_, evaluation_count(), figures.loss, figures.margin, 100 * figures.accuracy);
    if (recipe_.logging.evaluation_questions > 0)
      line += fmt::format("; denies to hear in {:.1f} % of {} replies, {:.1f} % greedy",
                          100 * sampled, recipe_.logging.evaluation_questions, 100 * greedy);
    say("{}\n", line);
  }

  PreferenceFigures evaluate_pairs() const {
    const double none = std::nan("");
    if (evaluation_count() == 0)
      return {none, none, none, none, none, none, none, none, none, none, none};
    std::vector<PairBatch> all;
    for (size_t begin = 0; begin < evaluation_count(); begin += kPairsAtOnce) {
      if (!ranks_.owns(begin / kPairsAtOnce)) continue;
      for (PairBatch& batch : batches_of(Phase::kEvaluation, evaluation_pairs(begin))) {
        for (size_t& pair : batch.pairs) pair += begin;
        all.push_back(std::move(batch));
      }
    }
    return policy_->evaluate(all, reference_.test);
  }

  // Share of replies to held-out questions that refuse; NaN where none is asked.
  double refusals(double temperature) {
    const int count = recipe_.logging.evaluation_questions;
    if (count == 0) return std::nan("");
    if (questions_.empty()) {
      const auto source = world_hearing_prompts(world_options(recipe_));
      for (int i = 0; i < count; ++i)
        questions_.push_back(source->get(Phase::kEvaluation, static_cast<uint64_t>(i)));
    }
    const std::vector<Rollout> replies =
        engine_->generate(questions_, {.samples = 1,
                                       .max_tokens = recipe_.rollout.max_tokens,
                                       .temperature = temperature,
                                       .seed = Rng(recipe_.seed, kEvaluationStream).next(),
                                       .stop = options_.stop,
                                       .ranks = &ranks_});
    const auto refuses = [](const Rollout& reply) {
      return reward::find_refusal({reply.thinking, reply.answer, reply.thought_closed}).has_value();
    };
    return static_cast<double>(std::ranges::count_if(replies, refuses)) / count;
  }

  TrainerState state() const {
    return {.step = step_,
            .recipe = recipe_.source_text,
            .fingerprint = fmt::format("model {}, {}", model_hash_, preferences_->fingerprint()),
            .stage = "dpo",
            .progress = json{{"skipped", skipped_}}.dump()};
  }

  void save() {
    result_.saved = true;
    if (!ranks_.leads()) return;
    save_checkpoint(recipe_.run_folder, step_, recipe_.logging.keep_checkpoints,
                    [&](const fs::path& folder) {
                      write_weights(folder, files_, policy_->parameters(), recipe_.model.init);
                      policy_->save_optimizer(folder);
                      save_state(folder, state());
                    });
  }

  void restore() {
    const TrainerState saved = load_state(*checkpoint_);
    policy_->load(*checkpoint_);
    engine_->refresh(policy_->parameters());
    step_ = saved.step;
    skipped_ = json::parse(saved.progress).value("skipped", int64_t{0});
    result_.saved = true;
  }

  // A signal may come to one of the ranks only.
  bool all_stop() {
    const bool here = options_.stop != nullptr && options_.stop->load();
    stopped_ = ranks_.any(here, "the question whether to stop");
    return stopped_;
  }
  void stop_here_if_asked() {
    if (all_stop()) fail(ErrorCode::kCancelled, "stopped");
  }

  // The first of the ranks speaks.
  template <typename... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (ranks_.leads()) fmt::print(stderr, format, std::forward<Args>(args)...);
  }

  const DpoRecipe& recipe_;
  const DpoOptions& options_;
  const Ranks alone_;
  const Ranks& ranks_;
  torch::Device device_;
  ModelConfig config_;
  ModelFiles files_;
  Parameters start_;  // until the policy has it
  std::string model_hash_;
  std::optional<fs::path> checkpoint_;
  std::optional<RolloutEngine> engine_;
  std::optional<Preferences> preferences_;
  std::optional<PreferencePolicy> policy_;
  ReferenceScores reference_;
  std::vector<RolloutPrompt> questions_;  // of evaluations
  int64_t step_ = 0, steps_ = 0, skipped_ = 0;
  double step_s_ = 0;
  bool stopped_ = false;  // on request, before the end
  StepGuard guard_{3};
  DpoResult result_;
};

}  // namespace

DpoResult run_dpo(const DpoRecipe& recipe, const DpoOptions& options) {
  return DpoRun(recipe, options).run();
}

}  // namespace stapes::train
