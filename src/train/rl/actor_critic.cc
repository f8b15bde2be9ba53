#include "train/rl/actor_critic.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "train/data/shuffle.h"
#include "train/nn/rl_losses.h"
#include "train/run/checkpoint.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

using torch::Tensor;

// Streams of random numbers that must not meet.
enum Purpose : uint64_t { kPolicyOrder = 0x706f6c, kCriticOrder = 0x637269 };

Parameters copy_of_trained(const Parameters& from, const PolicyRecipe& recipe) {
  Parameters copy = from;  // shares all tensors ...
  for (const auto& name : copy.names())
    if (is_trained(name, recipe)) copy.at(name) = from[name].detach().clone();  // ... but these
  return copy;
}

// The values of a micro-batch's tokens, as f32 on its device.
Tensor pick(const std::vector<double>& values, const MicroBatch& batch) {
  const Tensor places = batch.places.cpu();
  const int64_t* place = places.data_ptr<int64_t>();
  std::vector<float> picked;
  for (int64_t i = 0; i < batch.tokens; ++i)
    picked.push_back(static_cast<float>(values[static_cast<size_t>(place[i])]));
  return torch::tensor(picked, torch::kFloat32).to(batch.places.device());
}

void spread(const Tensor& values, const MicroBatch& batch, std::vector<double>& to) {
  const Tensor places = batch.places.cpu();
  const Tensor on_cpu = values.to(torch::kCPU, torch::kFloat64).contiguous();
  for (int64_t i = 0; i < batch.tokens; ++i)
    to[static_cast<size_t>(places.data_ptr<int64_t>()[i])] = on_cpu.data_ptr<double>()[i];
}

int64_t count_tokens(const Minibatch& batches) {
  int64_t tokens = 0;
  for (const MicroBatch* batch : batches) tokens += batch->tokens;
  return tokens;
}

// Clips, updates if all is finite, and notes how it went.
void finish_update(Optimizer& optimizer, double loss, int64_t& updates_done,
                   UpdateFigures& figures) {
  const double norm = optimizer.clip_gradients();
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    ++figures.skipped;
    return;
  }
  figures.learning_rate = optimizer.step(updates_done++);
  ++figures.updates;
  figures.loss += loss;
  figures.gradient_norm += norm;
}

void take_means(UpdateFigures& figures) {
  const auto updates = static_cast<double>(std::max<int64_t>(figures.updates, 1));
  figures.loss /= updates;
  figures.gradient_norm /= updates;
}

void note_ratios(const Tensor& log_probs, const Tensor& old, const Tensor& advantages, double clip,
                 RatioFigures& ratios) {
  const Tensor ratio = importance_ratio(log_probs, old);
  ratios.low = std::min(ratios.low, ratio.min().item<double>());
  ratios.high = std::max(ratios.high, ratio.max().item<double>());
  ratios.clipped += is_clipped(ratio, advantages, clip).sum().item<int64_t>();
  ratios.kl_sum += kl_k3(old, log_probs).sum().item<double>();
  ratios.tokens += ratio.numel();
}

std::vector<std::pair<std::string, Tensor>> trained_tensors(const Parameters& parameters) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& name : parameters.names())
    if (parameters[name].requires_grad()) tensors.emplace_back(name, parameters[name]);
  return tensors;
}

}  // namespace

bool is_trained(const std::string& parameter, const PolicyRecipe& recipe) {
  if (parameter.starts_with("encoder.")) return false;
  return recipe.train_adaptor || !parameter.starts_with("adapter.");
}

ActorCritic::ActorCritic(const RlRecipe& recipe, const ModelConfig& config, Parameters start,
                         int64_t known_ids, torch::Device device, const Ranks& ranks)
    : recipe_(recipe), config_(config), known_ids_(known_ids), device_(device), ranks_(ranks) {
  const auto trained = [&](const std::string& name) { return is_trained(name, recipe.policy); };
  policy_ = std::move(start);
  if (recipe.policy.kl != "none" || recipe.logging.reference_share > 0)
    reference_ = copy_of_trained(policy_, recipe.policy);
  if (recipe.has_critic()) {
    critic_ = copy_of_trained(policy_, recipe.policy);
    // Its head is one row in place of the vocabulary's.
    critic_->require_grad(
        [&](const std::string& name) { return trained(name) && name != "lm_head.weight"; });
    value_weight_ =
        torch::zeros({1, config.decoder.width}, torch::TensorOptions(device).dtype(torch::kFloat32))
            .set_requires_grad(true);
    auto groups = trained_groups(*critic_, recipe.critic.weight_decay);
    groups.front().tensors.push_back(value_weight_);
    critic_optimizer_.emplace(OptimizerSettings{.learning_rate = recipe.critic.learning_rate,
                                                .warmup_steps = recipe.critic.warmup_updates,
                                                .beta1 = recipe.critic.beta1,
                                                .beta2 = recipe.critic.beta2,
                                                .gradient_clip = recipe.critic.gradient_clip},
                              std::move(groups));
  }
  policy_.require_grad(trained);
  policy_optimizer_.emplace(OptimizerSettings{.learning_rate = recipe.policy.learning_rate,
                                              .warmup_steps = recipe.policy.warmup_updates,
                                              .beta1 = recipe.policy.beta1,
                                              .beta2 = recipe.policy.beta2,
                                              .gradient_clip = recipe.policy.gradient_clip},
                            trained_groups(policy_, recipe.policy.weight_decay));
}

Tensor ActorCritic::hidden(const Parameters& network, const MicroBatch& batch) const {
  const Bf16Products bf16(recipe_.dtype == "bf16", device_);
  const Tensor audio = batch.encoded.defined() ? adapt_audio(network, batch.encoded) : Tensor();
  const Tensor all = decode(network, config_, batch.rows, audio);
  return all.reshape({-1, all.size(2)}).index_select(0, batch.predictors);
}

Tensor ActorCritic::values(const MicroBatch& batch) const {
  return value_head(value_weight_, hidden(*critic_, batch));
}

BatchScores ActorCritic::score(std::span<const MicroBatch> batches,
                               const std::vector<bool>& with_reference) const {
  const torch::NoGradGuard no_grad;
  size_t all = 0;
  for (const MicroBatch& batch : batches) all += static_cast<size_t>(batch.tokens);
  BatchScores scores;
  scores.log_probs.resize(all);
  scores.entropies.resize(all);
  scores.reference_log_probs.assign(all, std::nan(""));
  if (critic_) scores.values.resize(all);
  for (size_t i = 0; i < batches.size(); ++i) {
    if (!ranks_.owns(i)) continue;
    const MicroBatch& batch = batches[i];
    const TokenScores of_policy =
        score_tokens(policy_, hidden(policy_, batch), batch.targets, known_ids_, true);
    spread(of_policy.log_probs, batch, scores.log_probs);
    spread(of_policy.entropies, batch, scores.entropies);
    if (critic_) spread(values(batch), batch, scores.values);
    if (!with_reference[i]) continue;
    STAPES_CHECK(reference_, "no copy of the starting model was kept");
    const TokenScores of_reference =
        score_tokens(*reference_, hidden(*reference_, batch), batch.targets, known_ids_, false);
    spread(of_reference.log_probs, batch, scores.reference_log_probs);
  }
  ranks_.sum(scores.log_probs, "log-probabilities");
  ranks_.sum(scores.entropies, "entropies");
  ranks_.sum(scores.values, "values");
  share_references(batches, with_reference, scores.reference_log_probs);
  return scores;
}

void ActorCritic::share_references(std::span<const MicroBatch> batches,
                                   const std::vector<bool>& with_reference,
                                   std::vector<double>& log_probs) const {
  if (ranks_.alone()) return;
  for (double& value : log_probs)
    if (std::isnan(value)) value = 0;
  ranks_.sum(log_probs, "the starting model's log-probabilities");
  for (size_t i = 0; i < batches.size(); ++i)
    if (!with_reference[i])
      spread(torch::full({batches[i].tokens}, std::nan("")), batches[i], log_probs);
}

std::vector<Minibatch> ActorCritic::minibatches(std::span<const MicroBatch> batches, int count,
                                                uint64_t purpose, int64_t iteration,
                                                int epoch) const {
  const auto position = static_cast<uint64_t>(iteration) * 1024 + static_cast<uint64_t>(epoch);
  const auto order = shuffled_order(batches.size(), Rng(recipe_.seed, purpose, position));
  const size_t parts = std::min(static_cast<size_t>(count), batches.size());
  std::vector<Minibatch> dealt(parts);
  for (size_t i = 0; i < order.size(); ++i) dealt[i % parts].push_back(&batches[order[i]]);
  return dealt;
}

double ActorCritic::policy_gradients(const Minibatch& minibatch, const BatchScores& scores,
                                     const BatchTargets& targets, RatioFigures& ratios) {
  const PolicyRecipe& recipe = recipe_.policy;
  const int64_t tokens = count_tokens(minibatch);
  double loss_sum = 0;
  RatioFigures own_ratios;
  policy_optimizer_->zero_gradients();
  for (size_t i = 0; i < minibatch.size(); ++i) {
    if (!ranks_.owns(i)) continue;
    const MicroBatch* batch = minibatch[i];
    const Tensor log_probs =
        score_tokens(policy_, hidden(policy_, *batch), batch->targets, known_ids_, false).log_probs;
    const Tensor old = pick(scores.log_probs, *batch);
    const Tensor advantages = pick(targets.advantages, *batch);
    Tensor loss = clipped_policy_loss(log_probs, old, advantages, recipe.clip, tokens);
    if (recipe.kl == "k3") {
      const Tensor kl = kl_k3(log_probs, pick(scores.reference_log_probs, *batch));
      loss = loss + recipe.kl_weight * kl.sum() / static_cast<double>(tokens);
    }
    loss.backward();
    loss_sum += loss.item<double>();
    note_ratios(log_probs.detach(), old, advantages, recipe.clip, own_ratios);
  }
  policy_optimizer_->sum_gradients(ranks_, "the policy's gradients");
  share_ratios(own_ratios, ratios);
  return sum_of_losses(loss_sum);
}

double ActorCritic::critic_gradients(const Minibatch& minibatch, const BatchScores& scores,
                                     const BatchTargets& targets) {
  const int64_t tokens = count_tokens(minibatch);
  double loss_sum = 0;
  critic_optimizer_->zero_gradients();
  for (size_t i = 0; i < minibatch.size(); ++i) {
    if (!ranks_.owns(i)) continue;
    const MicroBatch* batch = minibatch[i];
    const Tensor loss = value_loss(values(*batch), pick(scores.values, *batch),
                                   pick(targets.returns, *batch), recipe_.critic.clip, tokens);
    loss.backward();
    loss_sum += loss.item<double>();
  }
  critic_optimizer_->sum_gradients(ranks_, "the critic's gradients");
  return sum_of_losses(loss_sum);
}

double ActorCritic::sum_of_losses(double own) const {
  ranks_.sum({&own}, "losses");
  return own;
}

void ActorCritic::share_ratios(const RatioFigures& own, RatioFigures& all) const {
  // Sums of what each rank knows, and for extremes a place of its own for each rank.
  const auto count = static_cast<size_t>(ranks_.count()), rank = static_cast<size_t>(ranks_.rank());
  std::vector<double> sums = {static_cast<double>(own.clipped), static_cast<double>(own.tokens),
                              own.kl_sum};
  std::vector<double> extremes(2 * count, 0.0);
  if (own.tokens > 0) extremes[2 * rank] = own.low, extremes[2 * rank + 1] = own.high;
  ranks_.sum(sums, "ratios");
  ranks_.sum(extremes, "ratios");
  for (size_t i = 0; i < count; ++i) {
    if (extremes[2 * i + 1] == 0) continue;  // it had no micro-batch; a ratio is never 0
    all.low = std::min(all.low, extremes[2 * i]);
    all.high = std::max(all.high, extremes[2 * i + 1]);
  }
  all.clipped += static_cast<int64_t>(sums[0]);
  all.tokens += static_cast<int64_t>(sums[1]);
  all.kl_sum += sums[2];
}

UpdateFigures ActorCritic::update_policy(std::span<const MicroBatch> batches,
                                         const BatchScores& scores, const BatchTargets& targets,
                                         int64_t iteration) {
  UpdateFigures figures;
  for (int epoch = 0; epoch < recipe_.policy.epochs; ++epoch) {
    for (const Minibatch& minibatch :
         minibatches(batches, recipe_.policy.minibatches, kPolicyOrder, iteration, epoch)) {
      RatioFigures& ratios = figures.ratios;
      const bool first = ratios.tokens == 0;
      const double loss = policy_gradients(minibatch, scores, targets, ratios);
      if (first)
        figures.first_ratio_error = std::max(std::abs(ratios.low - 1), std::abs(ratios.high - 1));
      finish_update(*policy_optimizer_, loss, policy_updates_, figures);
    }
  }
  take_means(figures);
  return figures;
}

UpdateFigures ActorCritic::update_critic(std::span<const MicroBatch> batches,
                                         const BatchScores& scores, const BatchTargets& targets,
                                         int64_t iteration) {
  UpdateFigures figures;
  for (const Minibatch& minibatch :
       minibatches(batches, recipe_.critic.minibatches, kCriticOrder, iteration, 0)) {
    const double loss = critic_gradients(minibatch, scores, targets);
    finish_update(*critic_optimizer_, loss, critic_updates_, figures);
  }
  take_means(figures);
  return figures;
}

std::vector<std::pair<std::string, Tensor>> ActorCritic::critic_tensors() const {
  auto tensors = trained_tensors(*critic_);
  tensors.emplace_back("value_head.weight", value_weight_);
  return tensors;
}

int64_t ActorCritic::trained_parameters() const {
  int64_t count = 0;
  for (const auto& [name, tensor] : trained_tensors(policy_)) count += tensor.numel();
  return count;
}

void ActorCritic::save(const std::filesystem::path& checkpoint) const {
  save_optimizer(checkpoint / "policy_optimizer.pt", policy_optimizer_->adamw());
  if (!critic_) return;
  save_tensors(checkpoint / "critic.safetensors", critic_tensors());
  save_optimizer(checkpoint / "critic_optimizer.pt", critic_optimizer_->adamw());
}

void ActorCritic::load(const std::filesystem::path& checkpoint) {
  load_tensors(checkpoint / "model.safetensors", trained_tensors(policy_));
  load_optimizer(checkpoint / "policy_optimizer.pt", policy_optimizer_->adamw());
  if (!critic_) return;
  load_tensors(checkpoint / "critic.safetensors", critic_tensors());
  load_optimizer(checkpoint / "critic_optimizer.pt", critic_optimizer_->adamw());
}

void ActorCritic::restore_counts(int64_t policy_updates, int64_t critic_updates) {
  policy_updates_ = policy_updates;
  critic_updates_ = critic_updates;
}

}  // namespace stapes::train
