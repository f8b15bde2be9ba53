#include "train/dpo/preference_policy.h"

#include <cmath>

#include "train/nn/dpo_loss.h"
#include "train/nn/lora_file.h"
#include "train/nn/rl_losses.h"
#include "train/run/checkpoint.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

using torch::Tensor;

Parameters with_gradients(Parameters parameters, const DpoRecipe& recipe) {
  if (parameters.lora() == nullptr)
    parameters.require_grad(
        [&](const std::string& name) { return !is_frozen(part_of(name), recipe); });
  return parameters;
}

OptimizerSettings settings_of(const DpoOptimizerRecipe& recipe, int64_t steps) {
  return {.learning_rate = recipe.learning_rate,
          .warmup_steps = recipe.warmup_steps,
          .steps = steps,
          .final_learning_rate_ratio = recipe.final_learning_rate_ratio,
          .beta1 = recipe.beta1,
          .beta2 = recipe.beta2,
          .gradient_clip = recipe.gradient_clip};
}

// The values of a batch's pairs. [P] f64
Tensor pick(const std::vector<double>& values, const PairBatch& batch) {
  std::vector<double> picked;
  for (const size_t pair : batch.pairs) picked.push_back(values[pair]);
  return torch::tensor(picked, torch::kFloat64).to(batch.replies.device());
}

}  // namespace

bool is_frozen(const std::string& part, const DpoRecipe& recipe) {
  if (recipe.lora.rank > 0 || part == "encoder") return true;
  return part == "adaptor" && !recipe.optimizer.train_adaptor;
}

PairScores::PairScores(size_t pairs) : chosen(pairs, std::nan("")), rejected(pairs, std::nan("")) {}

PreferencePolicy::PreferencePolicy(const DpoRecipe& recipe, const ModelConfig& config,
                                   Parameters start, int64_t known_ids, int64_t steps,
                                   torch::Device device, const Ranks* ranks)
    : recipe_(recipe),
      config_(config),
      known_ids_(known_ids),
      device_(device),
      ranks_(ranks != nullptr ? *ranks : alone_),
      policy_(with_gradients(std::move(start), recipe)),
      optimizer_(settings_of(recipe.optimizer, steps),
                 trained_groups(policy_, recipe.optimizer.weight_decay)) {}

Tensor PreferencePolicy::log_probs(const PairBatch& batch) const {
  const MicroBatch& rows = batch.rows;
  Tensor hidden;
  {
    const Bf16Products bf16(recipe_.dtype == "bf16", device_);
    const Tensor audio = rows.encoded.defined() ? adapt_audio(policy_, rows.encoded) : Tensor();
    const Tensor all =
        decode(policy_, config_, rows.rows, audio, recipe_.optimizer.gradient_checkpointing);
    hidden = all.reshape({-1, all.size(2)}).index_select(0, rows.predictors);
  }
  const Tensor of_tokens =
      score_tokens(policy_, hidden, rows.targets, known_ids_, /*entropies=*/false).log_probs;
  const auto pairs = static_cast<int64_t>(batch.pairs.size());
  return sum_by_reply(of_tokens, batch.replies, batch.counted, 2 * pairs).view({pairs, 2});
}

PairScores PreferencePolicy::score(std::span<const PairBatch> batches, size_t pairs) const {
  const torch::NoGradGuard no_grad;
  PairScores scores(pairs);
  for (const PairBatch& batch : batches) {
    const Tensor both = log_probs(batch).cpu();
    for (size_t i = 0; i < batch.pairs.size(); ++i) {
      scores.chosen[batch.pairs[i]] = both[static_cast<int64_t>(i)][0].item<double>();
      scores.rejected[batch.pairs[i]] = both[static_cast<int64_t>(i)][1].item<double>();
    }
  }
  return scores;
}

Tensor PreferencePolicy::add(const PairBatch& batch, const PairScores& reference, size_t pairs,
                             PreferenceFigures& figures) const {
  const Tensor both = log_probs(batch);
  const PairLogProbs of_pairs{.chosen = both.select(1, 0),
                              .rejected = both.select(1, 1),
                              .reference_chosen = pick(reference.chosen, batch),
                              .reference_rejected = pick(reference.rejected, batch)};
  const DpoTerms terms = dpo_terms(of_pairs, recipe_.loss.beta, recipe_.loss.label_smoothing);
  const Tensor nll = -of_pairs.chosen / batch.lengths;
  Tensor loss = terms.loss;
  if (recipe_.loss.nll_weight > 0) loss = loss + recipe_.loss.nll_weight * nll;
  const auto all = static_cast<double>(pairs);
  const auto share = [&](const Tensor& values) { return values.sum().item<double>() / all; };
  figures.loss += share(loss.detach());
  figures.dpo_loss += share(terms.loss.detach());
  figures.nll += share(nll.detach());
  figures.margin += share(terms.margin.detach());
  figures.accuracy += share((terms.margin.detach() > 0).to(torch::kFloat64));
  figures.chosen_reward += share(terms.chosen_reward.detach());
  figures.rejected_reward += share(terms.rejected_reward.detach());
  figures.chosen_log_prob += share(of_pairs.chosen.detach());
  figures.rejected_log_prob += share(of_pairs.rejected.detach());
  return loss.sum() / all;
}

PreferenceFigures PreferencePolicy::gradients(std::span<const PairBatch> batches,
                                              const PairScores& reference) {
  PreferenceFigures figures;
  const size_t pairs = count_pairs(batches);
  optimizer_.zero_gradients();
  for (const PairBatch& batch : batches) add(batch, reference, pairs, figures).backward();
  optimizer_.sum_gradients(ranks_, "the policy's gradients");
  sum_over_ranks(figures);
  return figures;
}

PreferenceFigures PreferencePolicy::update(std::span<const PairBatch> batches,
                                           const PairScores& reference, int64_t step) {
  PreferenceFigures figures = gradients(batches, reference);
  figures.gradient_norm = optimizer_.clip_gradients();
  figures.finite = std::isfinite(figures.loss) && std::isfinite(figures.gradient_norm);
  if (figures.finite) figures.learning_rate = optimizer_.step(step);
  return figures;
}

PreferenceFigures PreferencePolicy::evaluate(std::span<const PairBatch> batches,
                                             const PairScores& reference) const {
  const torch::NoGradGuard no_grad;
  PreferenceFigures figures;
  const size_t pairs = count_pairs(batches);
  for (const PairBatch& batch : batches) add(batch, reference, pairs, figures);
  sum_over_ranks(figures);
  return figures;
}

size_t PreferencePolicy::count_pairs(std::span<const PairBatch> batches) const {
  double pairs = 0;
  for (const PairBatch& batch : batches) pairs += static_cast<double>(batch.pairs.size());
  ranks_.sum({&pairs}, "the number of pairs");
  return static_cast<size_t>(pairs);
}

void PreferencePolicy::sum_over_ranks(PreferenceFigures& f) const {
  ranks_.sum({&f.loss, &f.dpo_loss, &f.nll, &f.margin, &f.accuracy, &f.chosen_reward,
              &f.rejected_reward, &f.chosen_log_prob, &f.rejected_log_prob},
             "losses");
}

int64_t PreferencePolicy::trained_parameters() const {
  int64_t count = 0;
  for (const auto& [name, tensor] : policy_.trained()) count += tensor.numel();
  return count;
}

void PreferencePolicy::save_optimizer(const std::filesystem::path& checkpoint) const {
  train::save_optimizer(checkpoint / "optimizer.pt", optimizer_.adamw());
}

void PreferencePolicy::load(const std::filesystem::path& checkpoint) {
  if (policy_.lora() != nullptr)
    load_adapter(checkpoint, config_, *policy_.lora());
  else
    load_tensors(checkpoint / "model.safetensors", policy_.trained());
  load_optimizer(checkpoint / "optimizer.pt", optimizer_.adamw());
}

}  // namespace stapes::train
