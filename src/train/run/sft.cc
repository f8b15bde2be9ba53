#include "train/run/sft.h"

#include <fmt/format.h>

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

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

struct StepFigures {
  double text_loss = 0, frame_loss = 0, gradient_norm = 0, learning_rate = 0;
  double text_accuracy = 0, frame_accuracy = 0, voice_accuracy = 0;
  double data_s = 0, forward_s = 0, backward_s = 0, update_s = 0;
  int64_t tokens = 0, clips = 0;
  bool finite = true;
};

class SftRun {
 public:
  SftRun(const Recipe& recipe, const SftOptions& options) : recipe_(recipe), options_(options) {
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
    MetricsLog train_log(recipe_.run_folder, "train", step_);
    MetricsLog test_log(recipe_.run_folder, "test", step_);
    const OptimizerRecipe& optimizer = recipe_.optimizer;
    const bool by_rows = optimizer.tokens_per_step > 0;
    per_step_ = by_rows ? examples_for_rows(*source_, optimizer.tokens_per_step, optimizer.steps)
                        : optimizer.clips_per_step;
    BatchLoader loader(*source_, per_step_, config_.encoder.mel_bands, optimizer.seed, step_,
                       optimizer.data_threads, by_rows ? BatchCut::kByRows : BatchCut::kByCount);
    report_memory(loader);
    std::optional<SftSamples> samples;
    if (recipe_.logging.completions_every > 0)
      samples.emplace(recipe_, config_, files_, parameters_, step_);
    Progress progress(step_, recipe_.optimizer.steps);
    SftResult result;
    while (step_ < recipe_.optimizer.steps && !stop_requested()) {
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
    if (stop_requested()) save();
    result.steps = step_;
    result.finished = step_ == recipe_.optimizer.steps;
    if (result.finished) write_result(recipe_.run_folder, files_, parameters_, recipe_.model);
    return result;
  }

 private:
  // The latest checkpoint with --resume; else the recipe's model; else a random one, made in the
  // run's folder.
  fs::path starting_model() {
    checkpoint_ = open_run(recipe_.run_folder, recipe_.source_text, options_.resume);
    if (checkpoint_ && recipe_.lora.rank == 0) return *checkpoint_;  // with LoRA: an adapter
    if (!recipe_.model.init.empty()) return recipe_.model.init;
    const fs::path random = recipe_.run_folder / "random";
    init_model(random, {.like = recipe_.model.like,
                        .tokenizer_merges = recipe_.model.tokenizer_merges,
                        .tokenizer_all_texts = recipe_.model.tokenizer_all_texts,
                        .seed = recipe_.optimizer.seed,
                        .dtype = DType::kF32});
    return random;
  }

  std::shared_ptr<const ExampleSource> source_of_recipe() const {
    Quarantine quarantine(recipe_.data.quarantine, recipe_.run_folder / "quarantine.jsonl");
    return recipe_source(recipe_.data, recipe_.optimizer.seed, *tokenizer_,
                         config_.encoder.mel_bands, quarantine);
  }

  Losses losses_of(const DeviceBatch& batch) const {
    return supervised_losses(parameters_, config_,
                             recipe_.optimizer.helper_weight > 0 ? &helper_ : nullptr, batch,
                             recipe_.optimizer.gradient_checkpointing);
  }

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
    Losses losses;
    torch::Tensor loss;
    {
      const Bf16Products bf16(recipe_.optimizer.dtype == "bf16", device_);
      losses = losses_of(batch);
      loss = losses.text + recipe_.optimizer.helper_weight * losses.frames;
    }
    figures.forward_s = seconds_since(start);

    start = Clock::now();
    // Text alone has nothing to teach where only the adaptor or the encoder is trained.
    if (loss.requires_grad()) loss.backward();
    figures.backward_s = seconds_since(start);

    start = Clock::now();
    figures.text_loss = losses.text.item<double>();
    figures.frame_loss = losses.frames.item<double>();
    figures.gradient_norm = optimizer_->clip_gradients();
    figures.finite = std::isfinite(loss.item<double>()) && std::isfinite(figures.gradient_norm);
    if (figures.finite) figures.learning_rate = optimizer_->step(step_);
    figures.update_s = seconds_since(start);

    figures.text_accuracy = share(losses.text_right, losses.text_count);
    figures.frame_accuracy = share(losses.frames_right, losses.frames_count);
    figures.voice_accuracy = share(losses.voices_right, losses.voices_count);
    figures.tokens = batch.tokens;
    figures.clips = batch.clips;
    return figures;
  }

  static double share(int64_t part, int64_t all) {
    return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
  }

  void report(const StepFigures& f, MetricsLog& log, Progress& progress) {
    const double step_s = f.data_s + f.forward_s + f.backward_s + f.update_s;
    const double tokens_per_s = static_cast<double>(f.tokens) / step_s;
    const double clips_per_s = static_cast<double>(f.clips) / step_s;
    log.write(step_, {{"text_loss", f.text_loss},
                      {"frame_loss", f.frame_loss},
                      {"text_accuracy", f.text_accuracy},
                      {"frame_accuracy", f.frame_accuracy},
                      {"voice_accuracy", f.voice_accuracy},
                      {"learning_rate", f.learning_rate},
                      {"gradient_norm", f.gradient_norm},
                      {"tokens_per_s", tokens_per_s},
                      {"clips_per_s", clips_per_s},
                      {"data_s", f.data_s},
                      {"forward_s", f.forward_s},
                      {"backward_s", f.backward_s},
                      {"update_s", f.update_s}});
    progress.show(
        step_, fmt::format("text {:.3f} ({:.1f} %)  frames {:.3f} ({:.1f} %)  |g| {:.2f}  lr "
                           "{:.2e}  {:.0f} clips/s  {:.0f} tokens/s",
                           f.text_loss, 100 * f.text_accuracy, f.frame_loss, 100 * f.frame_accuracy,
                           f.gradient_norm, f.learning_rate, clips_per_s, tokens_per_s));
  }

  void evaluate(MetricsLog& log, Progress& progress, SftResult& result) {
    const torch::NoGradGuard no_grad;
    // Weights in bf16 would have to be widened for each product otherwise.
    const Bf16Products bf16(recipe_.model.frozen_dtype == "bf16", device_);
    double text_loss = 0;
    int64_t right = 0, count = 0, frames_right = 0, frames_count = 0;
    int64_t voices_right = 0, voices_count = 0;
    const int per_batch = per_step_;
    for (int first = 0; first < recipe_.logging.evaluation_clips; first += per_batch) {
      std::vector<TrainingExample> examples;
      for (int i = first; i < std::min(first + per_batch, recipe_.logging.evaluation_clips); ++i)
        examples.push_back(source_->get(Phase::kEvaluation, static_cast<uint64_t>(i), step_));
      const DeviceBatch batch = to_device(make_batch(examples, config_.encoder.mel_bands), device_);
      const Losses losses = losses_of(batch);
      text_loss += losses.text.item<double>() * static_cast<double>(losses.text_count);
      right += losses.text_right;
      count += losses.text_count;
      frames_right += losses.frames_right;
      frames_count += losses.frames_count;
      voices_right += losses.voices_right;
      voices_count += losses.voices_count;
    }
    result.text_loss = text_loss / static_cast<double>(std::max<int64_t>(count, 1));
    result.text_accuracy = share(right, count);
    result.frame_accuracy = share(frames_right, frames_count);
    result.voice_accuracy = share(voices_right, voices_count);
    log.write(step_, {{"text_loss", result.text_loss},
                      {"text_accuracy", result.text_accuracy},
                      {"frame_accuracy", result.frame_accuracy},
                      {"voice_accuracy", result.voice_accuracy}});
    progress.finish_line();
    fmt::print(
        stderr,
        "step {}: on clips that are not trained on: text {:.4f} ({:.2f} %), frames {:.2f} %, "
        "voices {:.2f} %\n",
        step_, result.text_loss, 100 * result.text_accuracy, 100 * result.frame_accuracy,
        100 * result.voice_accuracy);
  }

  void save() {
    save_checkpoint(recipe_.run_folder, state(), files_, parameters_, helper_, optimizer_->adamw(),
                    recipe_.logging.keep_checkpoints, recipe_.model.init);
  }

  bool stop_requested() const { return options_.stop != nullptr && options_.stop->load(); }

  const Recipe& recipe_;
  const SftOptions& options_;
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
  int per_step_ = 0;  // examples, on the average
  StepGuard guard_{10};
};

}  // namespace

SftResult run_sft(const Recipe& recipe, const SftOptions& options) {
  return SftRun(recipe, options).run();
}

}  // namespace stapes::train
