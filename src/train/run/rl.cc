#include "train/run/rl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "train/data/shuffle.h"
#include "train/rl/actor_critic.h"
#include "train/rl/completions_log.h"
#include "train/rl/health.h"
#include "train/rl/prompt_mix.h"
#include "train/rl/prompt_selection.h"
#include "train/rl/statistics.h"
#include "train/rl/targets.h"
#include "train/run/file_hash.h"
#include "train/run/metrics.h"
#include "train/run/progress.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Streams of random numbers that must not meet.
enum Stream : uint64_t { kRollouts = 0x726f6c, kSelection = 0x73656c, kEvaluation = 0x657661 };

uint64_t stream_seed(const RlRecipe& recipe, Stream stream, int64_t number) {
  return Rng(recipe.seed, stream, static_cast<uint64_t>(number)).next();
}

std::string fingerprint_of(const ModelFiles& files, const Parameters& parameters) {
  return fmt::format("model {}, its files {:.16}", hash_of(parameters),
                     sha256_of(files.config_json + files.tokenizer_json));
}

class RlRun {
 public:
  RlRun(const RlRecipe& recipe, const RlOptions& options)
      : recipe_(recipe),
        options_(options),
        ranks_(options.ranks != nullptr ? *options.ranks : alone_),
        device_(prepare_libtorch(recipe.threads, recipe.dtype)),
        config_(load_config(recipe.model.init)),
        files_(read_model_files(recipe.model.init)),
        start_(Parameters::load(recipe.model.init, config_)),
        start_fingerprint_(fingerprint_of(files_, start_)),
        checkpoint_(open_run(recipe.run_folder, recipe.source_text, options.resume, ranks_)) {
    for (const auto& name : start_.names()) start_.at(name) = start_[name].to(device_);
    const Tokenizer tokenizer =
        Tokenizer::parse(files_.tokenizer_json, (recipe.model.init / "tokenizer.json").string());
    networks_.emplace(recipe, config_, std::move(start_), static_cast<int64_t>(tokenizer.size()),
                      device_, ranks_);
    engine_.emplace(config_, files_, networks_->policy(),
                    RolloutEngineOptions{.threads = recipe.threads,
                                         .live_sequences = recipe.rollout.live_sequences,
                                         .kv_tokens = recipe.rollout.kv_tokens,
                                         .max_tokens = recipe.rollout.max_tokens});
    prompts_ = options.prompts ? options.prompts
                               : prompts_of(recipe.data, recipe.seed, engine_->tokenizer(),
                                            engine_->context_tokens() - recipe.rollout.max_tokens);
    reward_ = options.reward
                  ? options.reward
                  : task_reward(recipe.reward, engine_->tokenizer(), recipe.reward_plugins);
    if (checkpoint_) restore();
  }

  RlResult run() {
    const fs::path logs = log_folder(recipe_.run_folder, ranks_);
    MetricsLog metrics(logs, "metrics", iteration_);
    MetricsLog test(logs, "test", iteration_);
    CompletionsLog completions(logs, iteration_);
    try {
      if (iteration_ == 0) begin(test);
      // A run that was stopped in the middle of an evaluation.
      else if (is_due(recipe_.logging.evaluate_every) && test.last_step() < iteration_)
        evaluate(test);
      Progress progress(iteration_, recipe_.iterations, ranks_.leads());
      while (iteration_ < recipe_.iterations && !all_stop())
        step(metrics, test, completions, progress);
    } catch (const Error& error) {
      // Asked to stop: what was begun and is not done is left out.
      if (error.code() != ErrorCode::kCancelled) throw;
      stopped_ = true;
    }
    if (stopped_ && selected_) save();
    result_.saved = selected_;
    result_.iterations = iteration_;
    result_.finished = iteration_ == recipe_.iterations;
    if (result_.finished && !recipe_.model.output.empty() && ranks_.leads())
      write_model_folder(recipe_.model.output, files_, on_cpu(networks_->policy()),
                         save_dtype(recipe_.model.save_dtype));
    return result_;
  }

 private:
  // Before the first iteration: which prompts, and how well the starting model does.
  void begin(MetricsLog& test) {
    say("{}: {:.2f} M parameters are trained from {}, by {}; {} prompts x {} replies\n",
        recipe_.name, static_cast<double>(networks_->trained_parameters()) / 1e6,
        recipe_.model.init.string(),
        recipe_.has_critic() ? "ppo with as many of a critic" : recipe_.advantage.estimator,
        recipe_.rollout.prompts, recipe_.rollout.samples);
    if (!selected_) select();
    save();
    evaluate(test);
  }

  void step(MetricsLog& metrics, MetricsLog& test, CompletionsLog& completions,
            Progress& progress) {
    const Iteration it = iterate();
    ++iteration_;
    const Figures figures = health_panel(it, reward_->parts(), prompts_->tasks());
    metrics.write(iteration_, figures);
    show(it, figures, progress);
    if (iteration_ % recipe_.logging.completions_every == 0)
      completions.write(iteration_, it.prompts, it.rollouts, recipe_.logging.completions,
                        recipe_.seed);
    if (is_due(recipe_.logging.checkpoint_every)) save();
    if (is_due(recipe_.logging.evaluate_every)) {
      progress.finish_line();
      evaluate(test);
    }
  }

  bool is_due(int64_t every) const {
    return iteration_ % every == 0 || iteration_ == recipe_.iterations;
  }

  Iteration iterate() {
    Iteration it;
    auto start = Clock::now();
    it.prompts = next_prompts();
    it.rollouts =
        engine_->generate(it.prompts, {.samples = recipe_.rollout.samples,
                                       .max_tokens = recipe_.rollout.max_tokens,
                                       .seed = stream_seed(recipe_, kRollouts, iteration_),
                                       .stop = options_.stop,
                                       .ranks = &ranks_});
    it.rollout_s = seconds_since(start);

    start = Clock::now();
    it.unjudged = grade(it.prompts, it.rollouts, *reward_, ranks_);
    if (it.rollouts.empty()) {
      note_trouble(it, "no reply could be graded");
      return it;
    }
    const std::vector<TrainerPrompt> read =
        read_prompts(it.prompts, engine_->tokenizer(), networks_->policy(), config_, device_);
    const std::vector<MicroBatch> batches =
        make_micro_batches(read, it.rollouts, recipe_.micro_batch_tokens, device_);
    it.scores = networks_->score(batches, measured_against_start(batches.size()));
    it.mismatch = compare_log_probs(it.rollouts, it.scores);
    it.targets = make_targets(it.rollouts, it.scores, recipe_);
    it.score_s = seconds_since(start);

    if (!std::isfinite(it.mismatch.mean) || !all_finite(it.targets.advantages)) {
      note_trouble(it, "a log-probability or a value is not finite");
      return it;
    }
    check_mismatch(it);
    wait_for_critic(it);
    update(it, batches);
    const bool skipped = it.policy.skipped + it.critic.skipped > 0;
    note_trouble(it, skipped ? "a loss or its gradient is not finite" : "");
    return it;
  }

  std::vector<RolloutPrompt> next_prompts() const {
    std::vector<RolloutPrompt> prompts;
    const auto per_iteration = static_cast<uint64_t>(recipe_.rollout.prompts);
    for (uint64_t i = 0; i < per_iteration; ++i)
      prompts.push_back(prompts_->get(
          Phase::kTraining, prompt_index(static_cast<uint64_t>(iteration_) * per_iteration + i)));
    return prompts;
  }

  // The place-th prompt of the run.
  uint64_t prompt_index(uint64_t place) const {
    if (recipe_.selection.pool > 0)
      return selection_.kept[shuffled(place, selection_.kept.size(), recipe_.seed)];
    return prompts_->count() > 0 ? shuffled(place, prompts_->count(), recipe_.seed) : place;
  }

  // Which micro-batches are compared with the starting model.
  std::vector<bool> measured_against_start(size_t batches) const {
    const double share = recipe_.policy.kl != "none" ? 1 : recipe_.logging.reference_share;
    const auto count = static_cast<size_t>(std::ceil(share * static_cast<double>(batches)));
    std::vector<bool> measured(batches, false);
    const auto order = shuffled_order(
        batches, Rng(recipe_.seed, 0x726566 /* "ref" */, static_cast<uint64_t>(iteration_)));
    for (size_t i = 0; i < count; ++i) measured[order[i]] = true;
    return measured;
  }

  static bool all_finite(const std::vector<double>& values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
  }

  void check_mismatch(const Iteration& it) const {
    if (it.mismatch.mean <= recipe_.rollout.mismatch_mean &&
        it.mismatch.max <= recipe_.rollout.mismatch_max)
      return;
    fail(ErrorCode::kInvalidData,
         "iteration {}: the engine's and the trainer's log-probabilities of {} sampled tokens "
         "differ by {:.2g} on average and {:.2g} at most; rollout.mismatch_mean allows {:.2g}, "
         "rollout.mismatch_max {:.2g}. What was sampled is not what would be trained, so nothing "
         "was",
         iteration_, it.tokens(), it.mismatch.mean, it.mismatch.max, recipe_.rollout.mismatch_mean,
         recipe_.rollout.mismatch_max);
  }

  // These replies are new to the critic. Where rewards do not vary, explained variance says nothing
  // (NaN) and holds nobody up.
  void wait_for_critic(Iteration& it) {
    it.explained_variance = std::nan("");
    if (!recipe_.has_critic()) return;
    it.explained_variance = explained_variance(it.scores.values, it.targets.returns);
    if (!critic_ready_)
      critic_ready_ =
          !(it.explained_variance <= 0) || iteration_ >= recipe_.critic.warmup_iterations;
    it.policy_waited = !critic_ready_;
  }

  void update(Iteration& it, const std::vector<MicroBatch>& batches) {
    auto start = Clock::now();
    if (!it.policy_waited) {
      it.policy = networks_->update_policy(batches, it.scores, it.targets, iteration_);
      engine_->refresh(networks_->policy());
    }
    it.policy_s = seconds_since(start);
    start = Clock::now();
    if (recipe_.has_critic())
      it.critic = networks_->update_critic(batches, it.scores, it.targets, iteration_);
    it.critic_s = seconds_since(start);
  }

  // Numbers that are not finite: the batch is kept, so that it can be looked at.
  void note_trouble(const Iteration& it, const std::string& trouble) {
    std::string hint;
    if (!trouble.empty() && ranks_.leads())
      hint = "; the batch is " + save_bad_batch(recipe_.run_folder, iteration_, it).string();
    guard_.note(trouble, iteration_, recipe_.run_folder, hint);
  }

  void show(const Iteration& it, const Figures& figures, Progress& progress) {
    const auto figure = [&](const std::string& name) {
      return std::ranges::find(figures, name, &Figures::value_type::first)->second;
    };
    result_.reward = figure("reward");
    progress.show(
        iteration_,
        fmt::format("reward {:.3f}  right {:.1f} %  tokens {:.1f} (p95 {:.0f})  cut {:.1f} %  "
                    "entropy {:.3f}  |g| {:.2f}  EV {:.2f}  mismatch {:.0e}  {:.0f} tokens/s{}",
                    figure("reward"), 100 * figure(kAccuracyPart), figure("length_mean"),
                    figure("length_p95"), 100 * figure("truncated"), figure("entropy"),
                    it.policy.gradient_norm, it.explained_variance, it.mismatch.mean,
                    figure("tokens_per_s"), it.policy_waited ? "  (critic first)" : ""));
    constexpr double kManyTruncated = 0.1;
    if (figure("truncated") > kManyTruncated && !warned_of_truncation_) {
      progress.finish_line();
      spdlog::warn(
          "{:.0f} % of the replies are cut at rollout.max_tokens = {}; they count as wrong",
          100 * figure("truncated"), recipe_.rollout.max_tokens);
      warned_of_truncation_ = true;
    }
  }

  void select() {
    const SelectionRecipe& wanted = recipe_.selection;
    if (wanted.pool > 0)
      selection_ = choose_prompts(
          *prompts_, *engine_, *reward_,
          {.pool = wanted.pool,
           .range = {.samples = wanted.samples, .lowest = wanted.lowest, .highest = wanted.highest},
           .max_tokens = recipe_.rollout.max_tokens,
           .prompts_at_once = 2 * recipe_.rollout.prompts,
           .seed = stream_seed(recipe_, kSelection, 0),
           .stop = options_.stop,
           .ranks = &ranks_},
          recipe_.run_folder / "selection.json");
    selected_ = true;
  }

  // On prompts that are never trained on: greedy, and sampled as in training.
  void evaluate(MetricsLog& log) {
    auto count = static_cast<uint64_t>(recipe_.logging.evaluation_prompts);
    if (prompts_->evaluation_count() > 0) count = std::min(count, prompts_->evaluation_count());
    if (count == 0) return;
    if (evaluation_prompts_.empty())
      for (uint64_t i = 0; i < count; ++i)
        evaluation_prompts_.push_back(prompts_->get(Phase::kEvaluation, i));
    const auto figures_at = [&](double temperature) {
      std::vector<Rollout> rollouts =
          engine_->generate(evaluation_prompts_, {.samples = 1,
                                                  .max_tokens = recipe_.rollout.max_tokens,
                                                  .temperature = temperature,
                                                  .seed = stream_seed(recipe_, kEvaluation, 0),
                                                  .stop = options_.stop,
                                                  .ranks = &ranks_});
      grade(evaluation_prompts_, rollouts, *reward_, ranks_);
      return reply_figures(evaluation_prompts_, rollouts, reward_->parts(), prompts_->tasks());
    };
    Figures all = figures_at(0);
    std::string line;
    for (const auto& [name, value] : all) {
      if (name == kAccuracyPart) result_.accuracy = value;
      if (name == kAccuracyPart || name == "reward" || name == "length_mean")
        line += fmt::format("  {} {:.3f}", name, value);
    }
    for (auto& [name, value] : figures_at(1)) all.emplace_back("sampled/" + name, value);
    log.write(iteration_, all);
    say("iteration {}: on {} prompts that are not trained on, greedy:{}\n", iteration_, count,
        line);
  }

  TrainerState state() const {
    return {.step = iteration_,
            .recipe = recipe_.source_text,
            .fingerprint = start_fingerprint_ + ", " + prompts_->fingerprint(),
            .stage = "rl",
            .progress = json{{"policy_updates", networks_->policy_updates()},
                             {"critic_updates", networks_->critic_updates()},
                             {"critic_ready", critic_ready_},
                             {"selection", to_json(selection_)},
                             {"reward", reward_->state()}}
                            .dump()};
  }

  void save() {
    if (!ranks_.leads()) return;
    save_checkpoint(recipe_.run_folder, iteration_, recipe_.logging.keep_checkpoints,
                    [&](const fs::path& folder) {
                      write_model_folder(folder, files_, on_cpu(networks_->policy()), DType::kF32);
                      networks_->save(folder);
                      save_state(folder, state());
                    });
  }

  void restore() {
    const TrainerState saved = load_state(*checkpoint_);
    check_unchanged(*checkpoint_, saved, state());
    try {
      const json progress = json::parse(saved.progress);
      networks_->restore_counts(progress.at("policy_updates").get<int64_t>(),
                                progress.at("critic_updates").get<int64_t>());
      critic_ready_ = progress.at("critic_ready").get<bool>();
      selection_ = selection_of(progress.at("selection"));
      reward_->restore(progress.at("reward"));
    } catch (const json::exception& error) {
      fail(ErrorCode::kInvalidData, "{} is not a checkpoint's state: {}",
           (*checkpoint_ / "state.json").string(), error.what());
    }
    networks_->load(*checkpoint_);
    engine_->refresh(networks_->policy());
    selected_ = true;
    iteration_ = saved.step;
  }

  // A signal may come to one of the ranks only.
  bool all_stop() {
    const bool here = options_.stop != nullptr && options_.stop->load();
    stopped_ = ranks_.any(here, "the question whether to stop");
    return stopped_;
  }

  // The first of the ranks speaks.
  template <typename... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (ranks_.leads()) fmt::print(stderr, format, std::forward<Args>(args)...);
  }

  const RlRecipe& recipe_;
  const RlOptions& options_;
  const Ranks alone_;
  const Ranks& ranks_;
  torch::Device device_;
  ModelConfig config_;
  ModelFiles files_;
  Parameters start_;  // until the networks have it
  std::string start_fingerprint_;
  std::optional<fs::path> checkpoint_;
  std::optional<ActorCritic> networks_;
  std::optional<RolloutEngine> engine_;
  std::shared_ptr<const PromptSource> prompts_;
  std::shared_ptr<RewardFunction> reward_;
  std::vector<RolloutPrompt> evaluation_prompts_;
  Selection selection_;
  bool selected_ = false;
  bool stopped_ = false;  // on request, before the end
  bool critic_ready_ = false;
  bool warned_of_truncation_ = false;
  int64_t iteration_ = 0;
  StepGuard guard_{3};
  RlResult result_;
};

}  // namespace

RlResult run_rl(const RlRecipe& recipe, const RlOptions& options) {
  return RlRun(recipe, options).run();
}

}  // namespace stapes::train
