// The two networks of PPO and their updates. The encoder is frozen and shared by both.
#pragma once

#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "spec/model_config.h"
#include "train/libtorch.h"
#include "train/nn/parameters.h"
#include "train/parallel/ranks.h"
#include "train/rl/micro_batch.h"
#include "train/rl_recipe.h"
#include "train/run/optimizer.h"

namespace stapes::train {

// Of every generated token of a batch, before any update: N values each.
struct BatchScores {
  std::vector<double> log_probs, entropies;
  std::vector<double> values;               // without a critic: empty
  std::vector<double> reference_log_probs;  // NaN where they were not asked for
};

// What updates aim at, N values each.
struct BatchTargets {
  std::vector<double> advantages;
  std::vector<double> returns;  // for the critic
};

// Of the policy's probabilities against those before the updates, over all tokens of all updates.
struct RatioFigures {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  int64_t clipped = 0, tokens = 0;
  double kl_sum = 0;  // k3 of the policy before the updates against the policy now
};

struct UpdateFigures {
  int64_t updates = 0;
  int64_t skipped = 0;           // a loss or gradient was not finite: no weight was touched
  double loss = 0;               // mean over the updates
  double gradient_norm = 0;      // before clipping, mean over the updates
  double learning_rate = 0;      // of the last
  double first_ratio_error = 0;  // largest |ratio - 1| in the first update
  RatioFigures ratios;
};

using Minibatch = std::vector<const MicroBatch*>;

class ActorCritic {
 public:
  // `start` are the weights to begin with; the critic is a copy of them with a head of zeros.
  // known_ids: tokens that the sampler knows. `recipe` and `ranks` outlive the object.
  // Several ranks all have all replies and their micro-batches. Each computes with some of them;
  // scores and gradients are summed, so that they are those of one rank alone but for rounding.
  ActorCritic(const RlRecipe& recipe, const ModelConfig& config, Parameters start,
              int64_t known_ids, torch::Device device, const Ranks& ranks);

  // One pass over all replies without gradients, with the same micro-batches as the updates.
  // with_reference[i]: whether micro-batch i is measured against the starting model.
  BatchScores score(std::span<const MicroBatch> batches,
                    const std::vector<bool>& with_reference) const;

  // Epochs over the replies in minibatches of whole micro-batches, in an order keyed by
  // (seed, iteration). Every minibatch is one update; its losses are divided by its tokens.
  UpdateFigures update_policy(std::span<const MicroBatch> batches, const BatchScores& scores,
                              const BatchTargets& targets, int64_t iteration);
  UpdateFigures update_critic(std::span<const MicroBatch> batches, const BatchScores& scores,
                              const BatchTargets& targets, int64_t iteration);

  // The gradients of one minibatch, from zero; returns its loss. No weight changes.
  double policy_gradients(const Minibatch& minibatch, const BatchScores& scores,
                          const BatchTargets& targets, RatioFigures& ratios);
  double critic_gradients(const Minibatch& minibatch, const BatchScores& scores,
                          const BatchTargets& targets);

  Parameters& policy() { return policy_; }
  const Parameters& policy() const { return policy_; }
  int64_t trained_parameters() const;                      // of the policy
  torch::Tensor& value_weight() { return value_weight_; }  // [1, D]

  // The critic's weights and both optimizers, beside the policy's model folder.
  void save(const std::filesystem::path& checkpoint) const;
  // These and the policy's weights.
  void load(const std::filesystem::path& checkpoint);
  int64_t policy_updates() const { return policy_updates_; }
  int64_t critic_updates() const { return critic_updates_; }
  void restore_counts(int64_t policy_updates, int64_t critic_updates);

 private:
  // [N, D]: of the rows that predict the tokens.
  torch::Tensor hidden(const Parameters& network, const MicroBatch& batch) const;
  torch::Tensor values(const MicroBatch& batch) const;
  std::vector<Minibatch> minibatches(std::span<const MicroBatch> batches, int count,
                                     uint64_t purpose, int64_t iteration, int epoch) const;
  std::vector<std::pair<std::string, torch::Tensor>> critic_tensors() const;
  void share_references(std::span<const MicroBatch> batches,
                        const std::vector<bool>& with_reference,
                        std::vector<double>& log_probs) const;
  void share_ratios(const RatioFigures& own, RatioFigures& all) const;
  double sum_of_losses(double own) const;

  const RlRecipe& recipe_;
  const ModelConfig config_;
  int64_t known_ids_;
  torch::Device device_;
  const Ranks& ranks_;
  Parameters policy_;
  std::optional<Parameters> reference_;  // the starting model, where anything asks for it
  std::optional<Parameters> critic_;
  torch::Tensor value_weight_;
  std::optional<Optimizer> policy_optimizer_, critic_optimizer_;
  int64_t policy_updates_ = 0, critic_updates_ = 0;
};

// Trained by reinforcement: everything but the encoder, and the adaptor if the recipe says so.
bool is_trained(const std::string& parameter, const PolicyRecipe& recipe);

}  // namespace stapes::train
