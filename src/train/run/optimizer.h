// AdamW over groups of tensors, with a schedule and a limit on the gradients' global norm.
#pragma once

#include <memory>
#include <vector>

#include "train/libtorch.h"
#include "train/nn/losses.h"
#include "train/nn/parameters.h"
#include "train/parallel/ranks.h"
#include "train/recipe.h"

namespace stapes::train {

struct OptimizerSettings {
  double learning_rate = 0;
  int64_t warmup_steps = 0;
  int64_t steps = 0;                     // where the cosine ends; 0: the rate stays as it is
  double final_learning_rate_ratio = 1;  // cosine from 1 to this
  double beta1 = 0.9, beta2 = 0.98;
  double gradient_clip = 1.0;  // global norm
};
OptimizerSettings settings_of(const OptimizerRecipe& recipe);

struct ParameterGroup {
  std::vector<torch::Tensor> tensors;
  double learning_rate_scale = 1;
  double weight_decay = 0;
};
// Of supervised training: encoder (with the helper), adaptor and decoder have learning rates of
// their own, what requires no gradient is left out; matrices decay, while norms, biases and tables
// of embeddings do not.
std::vector<ParameterGroup> supervised_groups(const OptimizerRecipe& recipe,
                                              const Parameters& parameters, FrameHelper& helper);
// All that require a gradient, in the table's order.
std::vector<ParameterGroup> trained_groups(const Parameters& parameters, double weight_decay);

// Warm-up, then a cosine from 1 to the last ratio. `step` counts from 0.
double learning_rate_ratio(const OptimizerSettings& settings, int64_t step);

class Optimizer {
 public:
  Optimizer(const OptimizerSettings& settings, std::vector<ParameterGroup> groups);
  Optimizer(Optimizer&&) noexcept;
  ~Optimizer();

  // What no backward pass reaches afterwards has no gradient at all and is left as it is, moments
  // included; a zero that an earlier step left behind would move it, and only in runs that had that
  // earlier step: a resumed run would differ.
  void zero_gradients();
  // Of all ranks: after it each has the gradients of the whole batch.
  void sum_gradients(const Ranks& ranks, const std::string& what);
  // Scales all gradients down to the global norm that is allowed; returns the norm before.
  double clip_gradients();
  // Updates the weights; returns the learning rate that was used.
  double step(int64_t step);

  torch::optim::AdamW& adamw() { return *adamw_; }
  const torch::optim::AdamW& adamw() const { return *adamw_; }

 private:
  OptimizerSettings settings_;
  std::vector<double> scales_;  // of the learning rate, by group
  std::unique_ptr<torch::optim::AdamW> adamw_;
};

}  // namespace stapes::train
