#include "train/run/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace stapes::train {

double learning_rate_ratio(const OptimizerRecipe& recipe, int64_t step) {
  if (step < recipe.warmup_steps)
    return static_cast<double>(step + 1) / static_cast<double>(recipe.warmup_steps);
  const auto length = static_cast<double>(std::max<int64_t>(recipe.steps - recipe.warmup_steps, 1));
  const double progress = std::min(static_cast<double>(step - recipe.warmup_steps) / length, 1.0);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return recipe.final_learning_rate_ratio + (1.0 - recipe.final_learning_rate_ratio) * cosine;
}

Optimizer::Optimizer(const OptimizerRecipe& recipe, const Parameters& parameters,
                     FrameHelper& helper)
    : recipe_(recipe) {
  struct Group {
    std::vector<torch::Tensor> tensors;
    double scale, weight_decay;
  };
  const double encoder = recipe.encoder_learning_rate_scale;
  const double decay = recipe.weight_decay;
  std::vector<Group> groups = {{{}, encoder, decay}, {{}, encoder, 0}, {{}, 1, decay}, {{}, 1, 0}};
  for (const auto& name : parameters.names()) {
    const torch::Tensor& tensor = parameters[name];
    const size_t part = name.starts_with("encoder.") ? 0 : 2;
    const bool table = name.find("embed") != std::string::npos;
    groups[part + (tensor.dim() < 2 || table ? 1 : 0)].tensors.push_back(tensor);
  }
  for (const auto& [name, tensor] : helper.tensors())
    groups[tensor->dim() < 2 ? 1 : 0].tensors.push_back(*tensor);

  std::vector<torch::optim::OptimizerParamGroup> torch_groups;
  for (auto& group : groups) {
    scales_.push_back(group.scale);
    auto settings = std::make_unique<torch::optim::AdamWOptions>(recipe.learning_rate);
    settings->betas({recipe.beta1, recipe.beta2}).weight_decay(group.weight_decay).eps(1e-8);
    torch_groups.emplace_back(std::move(group.tensors), std::move(settings));
  }
  adamw_.emplace(std::move(torch_groups), torch::optim::AdamWOptions(recipe.learning_rate));
}

double Optimizer::clip_gradients() {
  std::vector<torch::Tensor> gradients, squares;
  for (const auto& group : adamw_->param_groups())
    for (const auto& tensor : group.params())
      if (tensor.grad().defined()) gradients.push_back(tensor.grad());
  for (const auto& gradient : gradients) squares.push_back(gradient.pow(2).sum());
  const double norm = torch::stack(squares).sum().sqrt().item<double>();
  if (norm > recipe_.gradient_clip)
    for (auto& gradient : gradients) gradient.mul_(recipe_.gradient_clip / norm);
  return norm;
}

double Optimizer::step(int64_t step) {
  const double rate = recipe_.learning_rate * learning_rate_ratio(recipe_, step);
  for (size_t i = 0; i < scales_.size(); ++i)
    static_cast<torch::optim::AdamWOptions&>(adamw_->param_groups()[i].options())
        .lr(rate * scales_[i]);
  adamw_->step();
  return rate;
}

}  // namespace stapes::train
