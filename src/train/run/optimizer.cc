#include "train/run/optimizer.h"

#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <tuple>

namespace stapes::train {
namespace {

// Norms, biases and tables of embeddings do not decay.
bool decays(const std::string& name, const torch::Tensor& tensor) {
  return tensor.dim() >= 2 && name.find("embed") == std::string::npos;
}

}  // namespace

OptimizerSettings settings_of(const OptimizerRecipe& recipe) {
  return {.learning_rate = recipe.learning_rate,
          .warmup_steps = recipe.warmup_steps,
          .steps = recipe.steps,
          .final_learning_rate_ratio = recipe.final_learning_rate_ratio,
          .beta1 = recipe.beta1,
          .beta2 = recipe.beta2,
          .gradient_clip = recipe.gradient_clip};
}

std::vector<ParameterGroup> supervised_groups(const OptimizerRecipe& recipe,
                                              const Parameters& parameters, FrameHelper& helper) {
  const std::map<std::string, double> scales = {{"encoder", recipe.encoder_learning_rate_scale},
                                                {"adaptor", recipe.adaptor_learning_rate_scale},
                                                {"decoder", recipe.decoder_learning_rate_scale},
                                                {"embeddings", recipe.decoder_learning_rate_scale}};
  // One group for each that differs, in the table's order.
  using Kind = std::tuple<bool, double, bool>;  // of the encoder; scale; decays
  std::vector<Kind> kinds;
  std::vector<ParameterGroup> groups;
  const auto add = [&](const std::string& part, const torch::Tensor& tensor, bool decay) {
    const Kind kind = {part == "encoder", scales.at(part), decay};
    const auto found = std::find(kinds.begin(), kinds.end(), kind);
    const auto place = static_cast<size_t>(found - kinds.begin());
    if (found == kinds.end()) {
      kinds.push_back(kind);
      groups.push_back({{}, scales.at(part), decay ? recipe.weight_decay : 0});
    }
    groups[place].tensors.push_back(tensor);
  };
  for (const auto& [name, tensor] : parameters.trained())
    add(part_of(name), tensor, decays(name, tensor));
  for (const auto& [name, tensor] : helper.tensors()) add("encoder", *tensor, tensor->dim() >= 2);
  return groups;
}

std::vector<ParameterGroup> trained_groups(const Parameters& parameters, double weight_decay) {
  std::vector<ParameterGroup> groups = {{{}, 1, weight_decay}, {{}, 1, 0}};
  for (const auto& [name, tensor] : parameters.trained())
    groups[decays(name, tensor) ? 0 : 1].tensors.push_back(tensor);
  return groups;
}

double learning_rate_ratio(const OptimizerSettings& settings, int64_t step) {
  if (step < settings.warmup_steps)
    return static_cast<double>(step + 1) / static_cast<double>(settings.warmup_steps);
  if (settings.steps == 0) return 1;
  const auto length =
      static_cast<double>(std::max<int64_t>(settings.steps - settings.warmup_steps, 1));
  const double progress = std::min(static_cast<double>(step - settings.warmup_steps) / length, 1.0);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return settings.final_learning_rate_ratio + (1.0 - settings.final_learning_rate_ratio) * cosine;
}

Optimizer::Optimizer(const OptimizerSettings& settings, std::vector<ParameterGroup> groups)
    : settings_(settings) {
  std::vector<torch::optim::OptimizerParamGroup> torch_groups;
  for (auto& group : groups) {
    scales_.push_back(group.learning_rate_scale);
    auto options = std::make_unique<torch::optim::AdamWOptions>(settings.learning_rate);
    options->betas({settings.beta1, settings.beta2}).weight_decay(group.weight_decay).eps(1e-8);
    torch_groups.emplace_back(std::move(group.tensors), std::move(options));
  }
  adamw_ = std::make_unique<torch::optim::AdamW>(
      std::move(torch_groups), torch::optim::AdamWOptions(settings.learning_rate));
}
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer::~Optimizer() = default;

void Optimizer::zero_gradients() {
  for (auto& group : adamw_->param_groups())
    for (auto& tensor : group.params()) tensor.mutable_grad().reset();
}

void Optimizer::sum_gradients(const Ranks& ranks, const std::string& what) {
  if (ranks.alone()) return;
  std::vector<torch::Tensor> tensors;
  for (const auto& group : adamw_->param_groups())
    for (const auto& tensor : group.params()) tensors.push_back(tensor);
  ranks.sum_gradients(tensors, what);
}

double Optimizer::clip_gradients() {
  std::vector<torch::Tensor> gradients, squares;
  for (const auto& group : adamw_->param_groups())
    for (const auto& tensor : group.params())
      if (tensor.grad().defined()) gradients.push_back(tensor.grad());
  if (gradients.empty()) return 0;
  for (const auto& gradient : gradients) squares.push_back(gradient.pow(2).sum());
  const double norm = torch::stack(squares).sum().sqrt().item<double>();
  if (norm > settings_.gradient_clip)
    for (auto& gradient : gradients) gradient.mul_(settings_.gradient_clip / norm);
  return norm;
}

double Optimizer::step(int64_t step) {
  const double rate = settings_.learning_rate * learning_rate_ratio(settings_, step);
  for (size_t i = 0; i < scales_.size(); ++i)
    static_cast<torch::optim::AdamWOptions&>(adamw_->param_groups()[i].options())
        .lr(rate * scales_[i]);
  adamw_->step();
  return rate;
}

}  // namespace stapes::train
