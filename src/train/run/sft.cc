#include "train/run/sft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "spec/model_config.h"
#include "train/data/loader.h"
#include "train/nn/lora_file.h"
#include "train/nn/losses.h"
#include "train/run/adapted.h"
#include "train/run/checkpoint.h"
#include "train/run/init.h"
#include "train/run/memory_report.h"
#include "train/run/metrics.h"
#include "train/run/optimizer.h"
#include "train/run/progress.h"
#include "train/run/session.h"
#include "train/run/sft_samples.h"
#include "train/run/sft_tally.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

struct StepFigures {
  SftTally sums;
  double gradient_norm = 0, learning_rate = 0;
  double data_s = 0, forward_s = 0, backward_s = 0, update_s = 0;
  bool finite = true;
};

class SftRun {
 public:
  SftRun(const Recipe& recipe, const SftOptions& options)
      : recipe_(recipe),
        options_(options),
        ranks_(options.ranks != nullptr ? *options.ranks : alone_) {
    device_ = prepare_libtorch(recipe.optimizer.threads, recipe.optimizer.dtype);
    const fs::path start = starting_model();
    config_ = load_config(start);
    files_ = read_model_files(start);
    tokenizer_.emplace(
        Tokenizer::parse(files_.tokenizer_json, (start / "tokenizer.json").string()));
    source_ = options.source ? options.source : source_of_recipe();
    const std::set<std::string> frozen(recipe.optimizer.freeze.begin(),
                                       recipe.optimizer.freeze.end());
    const auto is_frozen = [&](const std::string& part) {
      return recipe.lora.rank > 0 || frozen.contains(part);
    };
    parameters_ = load_weights(start, config_, recipe.model, device_, is_frozen);
    if (recipe.lora.rank > 0) base_hash_ = hash_of(parameters_);
    parameters_.require_grad([&](const std::string& name) { return !is_frozen(part_of(name)); });
    adapt(parameters_, recipe.lora, config_, recipe.optimizer.seed, device_);
    helper_ = FrameHelper::zero(config_);
    for (const auto& [name, tensor] : helper_.tensors())
      *tensor = tensor->to(device_).set_requires_grad(true);
    optimizer_.emplace(settings_of(recipe.optimizer),
                       supervised_groups(recipe.optimizer, parameters_, helper_));
    if (checkpoint_) restore();
  }

  SftResult run() {
    const fs::path logs = log_folder(recipe_.run_folder, ranks_);
    MetricsLog train_log(logs, "train", step_);
    MetricsLog test_log(logs, "test", step_);
    const OptimizerRecipe& optimizer = recipe_.optimizer;
    const bool by_rows = optimizer.tokens_per_step > 0;
    per_step_ = by_rows ? examples_for_rows(*source_, optimizer.tokens_per_step, optimizer.steps)
                        : optimizer.clips_per_step;
    BatchLoader loader(*source_, per_step_, config_.encoder.mel_bands, optimizer.seed, step_,
                       optimizer.data_threads, by_rows ? BatchCut::kByRows : BatchCut::kByCount,
                       {.rank = ranks_.rank(), .count = ranks_.count()});
    report_memory(loader);
    std::optional<SftSamples> samples;
    if (recipe_.logging.completions_every > 0 && ranks_.leads())
      samples.emplace(recipe_, config_, files_, parameters_, step_);
    Progress progress(step_, recipe_.optimizer.steps, ranks_.leads());
    SftResult result;
    while (step_ < recipe_.optimizer.steps && !all_stop()) {
      const StepFigures figures = train_step(loader);
      guard_.note(figures.finite ? "" : "the loss or its gradient is not finite", step_,
                  recipe_.run_folder);
      ++step_;
      const bool last = step_ == recipe_.optimizer.steps;
      if (step_ % recipe_.logging.print_every == 0 || last) report(figures, train_log, progress);
      if (step_ % recipe_.logging.evaluate_every == 0 || last) evaluate(test_log, progress, result);
      // Before the checkpoint: what it was resumed from has all replies up to its step.
      if (samples && (step_ % recipe_.logging.completions_every == 0 || last))
        samples->write(step_, parameters_);
      if (step_ % recipe_.logging.checkpoint_every == 0 || last) save();
    }
    progress.finish_line();
    if (stopped_) save();
    result.steps = step_;
    result.finished = step_ == recipe_.optimizer.steps;
    if (result.finished && ranks_.leads())
      write_result(recipe_.run_folder, files_, parameters_, recipe_.model);
    return result;
  }

 private:
  // The latest checkpoint with --resume; else the recipe's model; else a random one, made in the
  // run's folder.
  fs::path starting_model() {
    checkpoint_ = open_run(recipe_.run_folder, recipe_.source_text, options_.resume, ranks_);
    if (checkpoint_ && recipe_.lora.rank == 0) return *checkpoint_;  // with LoRA: an adapter
    if (!recipe_.model.init.empty()) return recipe_.model.init;
    return done_by_the_first(ranks_, "the random model", [&] {
      const fs::path random = recipe_.run_folder / "random";
      init_model(random, {.like = recipe_.model.like,
                          .tokenizer_merges = recipe_.model.tokenizer_merges,
                          .tokenizer_all_texts = recipe_.model.tokenizer_all_texts,
                          .seed = recipe_.optimizer.seed,
                          .dtype = DType::kF32});
      return random.string();
    });
  }

  std::shared_ptr<const ExampleSource> source_of_recipe() const {
    Quarantine quarantine(recipe_.data.quarantine,
                          log_folder(recipe_.run_folder, ranks_) / "quarantine.jsonl");
    return recipe_source(recipe_.data, recipe_.optimizer.seed, *tokenizer_,
                         config_.encoder.mel_bands, quarantine);
  }

  // `whole`: of the batch that this is a rank's part of.
  Losses losses_of(const DeviceBatch& batch, const LossCounts* whole = nullptr) const {
    return supervised_losses(parameters_, config_,
                             recipe_.optimizer.helper_weight > 0 ? &helper_ : nullptr, batch, whole,
                             recipe_.optimizer.gradient_checkpointing);
  }

  std::string at_step(const char* what) const { return fmt::format("step {}, {}", step_, what); }

  TrainerState state() const {
    std::string fingerprint = source_->fingerprint();
    if (!base_hash_.empty()) fingerprint += ", model " + base_hash_;
    return {.step = step_, .recipe = recipe_.source_text, .fingerprint = std::move(fingerprint)};
  }

  void restore() {
    const TrainerState saved = load_state(*checkpoint_);
    check_unchanged(*checkpoint_, saved, state());
    if (parameters_.lora() != nullptr) load_adapter(*checkpoint_, config_, *parameters_.lora());
    load_helper(*checkpoint_, helper_);
    load_optimizer(*checkpoint_ / "optimizer.pt", optimizer_->adamw());
    step_ = saved.step;
  }

  void report_memory(BatchLoader& loader) const {
    if (!ranks_.leads()) return;
    std::vector<StepShape> shapes;
    for (const Batch& batch : loader.group()) shapes.push_back(shape_of(batch));
    train::report_memory(config_, plan_of(recipe_), shapes, device_);
  }

  // One step in its four phases.
  StepFigures train_step(BatchLoader& loader) {
    StepFigures figures;
    auto start = Clock::now();
    const DeviceBatch batch = to_device(loader.next(), device_);
    figures.data_s = seconds_since(start);

    start = Clock::now();
    optimizer_->zero_gradients();  // before the activations need room
    std::optional<LossCounts> whole;
    if (!ranks_.alone()) whole = summed(loss_counts(batch), ranks_, at_step("the batch's size"));
    Losses losses;
    torch::Tensor loss;
    {
      const Bf16Products bf16(recipe_.optimizer.dtype == "bf16", device_);
      losses = losses_of(batch, whole ? &*whole : nullptr);
      loss = losses.text + recipe_.optimizer.helper_weight * losses.frames;
    }
    figures.forward_s = seconds_since(start);

    start = Clock::now();
    // Text alone has nothing to teach where only the adaptor or the encoder is trained.
    if (loss.requires_grad()) loss.backward();
    optimizer_->sum_gradients(ranks_, at_step("gradients"));
    figures.backward_s = seconds_since(start);

    start = Clock::now();
    figures.sums = {.loss = loss.item<double>(),
                    .text_loss = losses.text.item<double>(),
                    .frame_loss = losses.frames.item<double>()};
    figures.sums.add(losses, batch);
    figures.sums.sum(ranks_, at_step("losses"));
    figures.gradient_norm = optimizer_->clip_gradients();
    figures.finite = std::isfinite(figures.sums.loss) && std::isfinite(figures.gradient_norm);
    if (figures.finite) figures.learning_rate = optimizer_->step(step_);
    figures.update_s = seconds_since(start);
    return figures;
  }

  static double share(double part, double all) { return all == 0 ? 0.0 : part / all; }

  void report(const StepFigures& f, MetricsLog& log, Progress& progress) {
    const double step_s = f.data_s + f.forward_s + f.backward_s + f.update_s;
    const double tokens_per_s = f.sums.tokens / step_s;
    const double clips_per_s = f.sums.clips / step_s;
    const double text_accuracy = share(f.sums.text_right, f.sums.text_count);
    const double frame_accuracy = share(f.sums.frames_right, f.sums.frames_count);
    log.write(step_, {{"text_loss", f.sums.text_loss},
                      {"frame_loss", f.sums.frame_loss},
                      {"text_accuracy", text_accuracy},
                      {"frame_accuracy", frame_accuracy},
                      {"voice_accuracy", share(f.sums.voices_right, f.sums.voices_count)},
                      {"learning_rate", f.learning_rate},
                      {"gradient_norm", f.gradient_norm},
                      {"tokens_per_s", tokens_per_s},
                      {"clips_per_s", clips_per_s},
                      {"data_s", f.data_s},
                      {"forward_s", f.forward_s},
                      {"backward_s", f.backward_s},
                      {"update_s", f.update_s}});
    progress.show(
        step_,
        fmt::format("text {:.3f} ({:.1f} %)  frames {:.3f} ({:.1f} %)  |g| {:.2f}  lr "
                    "{:.2e}  {:.0f} clips/s  {:.0f} tokens/s",
                    f.sums.text_loss, 100 * text_accuracy, f.sums.frame_loss, 100 * frame_accuracy,
                    f.gradient_norm, f.learning_rate, clips_per_s, tokens_per_s));
  }

  void evaluate(MetricsLog& log, Progress& progress, SftResult& result) {
    const torch::NoGradGuard no_grad;
    // Weights in bf16 would have to be widened for each product otherwise.
    const Bf16Products bf16(recipe_.model.frozen_dtype == "bf16", device_);
    SftTally all;
    const int per_batch = per_step_;
    for (int first = 0; first < recipe_.logging.evaluation_clips; first += per_batch) {
      if (!ranks_.owns(static_cast<uint64_t>(first / per_batch))) continue;
      std::vector<TrainingExample> examples;
      for (int i = first; i < std::min(first + per_batch, recipe_.logging.evaluation_clips); ++i)
        examples.push_back(source_->get(Phase::kEvaluation, static_cast<uint64_t>(i), step_));
      const DeviceBatch batch = to_device(make_batch(examples, config_.encoder.mel_bands), device_);
      const Losses losses = losses_of(batch);
      all.text_loss += losses.text.item<double>() * static_cast<double>(losses.text_count);
      all.add(losses, batch);
    }
    all.sum(ranks_, at_step("the evaluation"));
    result.text_loss = all.text_loss / std::max(all.text_count, 1.0);
    result.text_accuracy = share(all.text_right, all.text_count);
    result.frame_accuracy = share(all.frames_right, all.frames_count);
    result.voice_accuracy = share(all.voices_right, all.voices_count);
    log.write(step_, {{"text_loss", result.text_loss},
                      {"text_accuracy", result.text_accuracy},
                      {"frame_accuracy", result.frame_accuracy},
                      {"voice_accuracy", result.voice_accuracy}});
    progress.finish_line();
    if (!ranks_.leads()) return;
    fmt::print(
        stderr,
        "step {}: on clips that are not trained on: text {:.4f} ({:.2f} %), frames {:.2f} %, "
        "voices {:.2f} %\n",
        step_, result.text_loss, 100 * result.text_accuracy, 100 * result.frame_accuracy,
        100 * result.voice_accuracy);
  }

  void save() {
    if (!ranks_.leads()) return;
    save_checkpoint(recipe_.run_folder, state(), files_, parameters_, helper_, optimizer_->adamw(),
                    recipe_.logging.keep_checkpoints, recipe_.model.init);
  }

  // A signal may come to one of the ranks only.
  bool all_stop() {
    const bool here = options_.stop != nullptr && options_.stop->load();
    stopped_ = ranks_.any(here, at_step("the question whether to stop"));
    return stopped_;
  }

  const Recipe& recipe_;
  const SftOptions& options_;
  const Ranks alone_;
  const Ranks& ranks_;
  torch::Device device_ = torch::kCPU;
  std::optional<fs::path> checkpoint_;
  ModelConfig config_;
  ModelFiles files_;
  std::optional<Tokenizer> tokenizer_;
  std::shared_ptr<const ExampleSource> source_;
  Parameters parameters_;
  std::string base_hash_;  // with LoRA: of the weights beneath
  FrameHelper helper_;
  std::optional<Optimizer> optimizer_;
  int64_t step_ = 0;
  bool stopped_ = false;  // on request, before the end
  int per_step_ = 0;      // examples, on the average
  StepGuard guard_{10};
};

}  // namespace

SftResult run_sft(const Recipe& recipe, const SftOptions& options) {
  return SftRun(recipe, options).run();
}

}  // namespace stapes::train
