// The policy of preference training: log-probabilities of pairs, and updates. The reference is
// known by its numbers only, so there is one network in memory.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "spec/model_config.h"
#include "train/dpo/pair_batch.h"
#include "train/dpo_recipe.h"
#include "train/libtorch.h"
#include "train/nn/parameters.h"
#include "train/run/optimizer.h"

namespace stapes::train {

// Sums over the counted tokens of each reply, nats; one entry a pair.
struct PairScores {
  std::vector<double> chosen, rejected;
  explicit PairScores(size_t pairs = 0);
};

// Means over the pairs of a step or of an evaluation.
struct PreferenceFigures {
  double loss = 0;      // what is minimized: dpo_loss + nll_weight * nll
  double dpo_loss = 0;  // ln 2 where the policy is the reference
  double nll = 0;       // of the chosen replies, nats a token
  double margin = 0;    // reward of the chosen less that of the rejected
  double accuracy = 0;  // share of pairs with a margin above 0
  double chosen_reward = 0, rejected_reward = 0;
  double chosen_log_prob = 0, rejected_log_prob = 0;  // of whole replies
  double gradient_norm = 0, learning_rate = 0;        // of a step
  bool finite = true;                                 // of a step: else no weight was touched
};

// Whether a part's own weights (part_of) stay as they are.
bool is_frozen(const std::string& part, const DpoRecipe& recipe);

class PreferencePolicy {
 public:
  // `start` are the weights to begin with, adapted or not. known_ids: tokens that the sampler
  // knows. `recipe` and `ranks` outlive the object. steps: of the whole run, where the learning
  // rate's cosine ends. ranks: each of them is given its part of the batches; figures and gradients
  // are of all parts.
  PreferencePolicy(const DpoRecipe& recipe, const ModelConfig& config, Parameters start,
                   int64_t known_ids, int64_t steps, torch::Device device,
                   const Ranks* ranks = nullptr);

  // Without gradients. pairs: how many the batches hold together. Of this rank's part alone.
  PairScores score(std::span<const PairBatch> batches, size_t pairs) const;

  // The gradients of all the batches' pairs together, from zero; no weight changes. They do not
  // depend on how the pairs were cut into batches.
  PreferenceFigures gradients(std::span<const PairBatch> batches, const PairScores& reference);
  // Those, clipped, and an update with the learning rate of `step` if all is finite.
  PreferenceFigures update(std::span<const PairBatch> batches, const PairScores& reference,
                           int64_t step);
  PreferenceFigures evaluate(std::span<const PairBatch> batches, const PairScores& reference) const;

  const Parameters& parameters() const { return policy_; }
  int64_t trained_parameters() const;

  void save_optimizer(const std::filesystem::path& checkpoint) const;
  // That and the weights.
  void load(const std::filesystem::path& checkpoint);

 private:
  // Log-probabilities of a batch's replies, [P, 2] f64.
  torch::Tensor log_probs(const PairBatch& batch) const;
  // Adds a batch's sums to the figures; returns its loss, divided by the pairs of all batches.
  torch::Tensor add(const PairBatch& batch, const PairScores& reference, size_t pairs,
                    PreferenceFigures& figures) const;
  size_t count_pairs(std::span<const PairBatch> batches) const;  // of all ranks
  void sum_over_ranks(PreferenceFigures& figures) const;

  const DpoRecipe& recipe_;
  const ModelConfig config_;
  int64_t known_ids_;
  torch::Device device_;
  const Ranks alone_;
  const Ranks& ranks_;
  Parameters policy_;
  Optimizer optimizer_;
};

}  // namespace stapes::train
