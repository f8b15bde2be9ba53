// AdamW with the recipe's groups and schedule.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "train/nn/losses.h"
#include "train/nn/parameters.h"
#include "train/recipe.h"

namespace stapes::train {

// Warm-up, then a cosine from 1 to the recipe's last ratio. `step` counts from 0.
double learning_rate_ratio(const OptimizerRecipe& recipe, int64_t step);

// Encoder (with the helper) and the rest have learning rates of their own; matrices decay, while
// norms, biases and tables of embeddings do not.
class Optimizer {
 public:
  Optimizer(const OptimizerRecipe& recipe, const Parameters& parameters, FrameHelper& helper);

  void zero_gradients() { adamw_->zero_grad(); }
  // Scales all gradients down to the recipe's global norm; returns the norm before.
  double clip_gradients();
  // Updates the weights; returns the learning rate that was used.
  double step(int64_t step);

  torch::optim::AdamW& adamw() { return *adamw_; }

 private:
  const OptimizerRecipe& recipe_;
  std::vector<double> scales_;  // of the learning rate, by group
  std::optional<torch::optim::AdamW> adamw_;
};

}  // namespace stapes::train
