#include "train/run/memory_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/available_memory.h"
#include "base/log.h"
#include "train/dpo/preference_policy.h"

namespace stapes::train {
namespace {

LoraSettings settings_of(const LoraRecipe& recipe) {
  return {.rank = recipe.rank, .alpha = recipe.alpha, .targets = recipe.targets};
}

std::string size(int64_t bytes) {
  const double mega = static_cast<double>(bytes) / 1e6;
  return mega < 1000 ? fmt::format("{:.1f} MB", mega) : fmt::format("{:.2f} GB", mega / 1e3);
}

}  // namespace

StepPlan plan_of(const Recipe& recipe) {
  const std::set<std::string> frozen(recipe.optimizer.freeze.begin(),
                                     recipe.optimizer.freeze.end());
  return {.is_frozen = [frozen](const std::string& part) { return frozen.contains(part); },
          .lora = settings_of(recipe.lora),
          .frozen_bf16 = recipe.model.frozen_dtype == "bf16",
          .bf16_products = recipe.optimizer.dtype == "bf16",
          .recompute_layers = recipe.optimizer.gradient_checkpointing,
          .engine_shares_weights = recipe.logging.completions_every > 0};
}

StepPlan plan_of(const DpoRecipe& recipe) {
  return {.is_frozen = [&recipe](const std::string& part) { return is_frozen(part, recipe); },
          .lora = settings_of(recipe.lora),
          .frozen_bf16 = recipe.model.frozen_dtype == "bf16",
          .bf16_products = recipe.dtype == "bf16",
          .f32_head = true,
          .recompute_layers = recipe.optimizer.gradient_checkpointing,
          .engine_shares_weights = true};
}

std::string memory_sentence(const StepMemory& memory, const StepShape& shape, int64_t free_bytes) {
  std::string line = fmt::format(
      "memory: weights {} + gradients {} + optimizer {} + activations {}", size(memory.weights),
      size(memory.gradients), size(memory.optimizer), size(memory.activations));
  if (memory.engine > 0) line += fmt::format(" + merged copies {}", size(memory.engine));
  line += fmt::format(" = {} for a step of {} x {} rows, {} of them in the loss",
                      size(memory.total()), shape.examples, shape.rows, shape.loss_rows);
  if (free_bytes < std::numeric_limits<int64_t>::max())
    line += fmt::format("; this machine has {}", size(free_bytes + memory.weights));
  return line;
}

void report_memory(const ModelConfig& config, const StepPlan& plan,
                   std::span<const StepShape> batches, torch::Device device) {
  StepMemory most;
  StepShape shape;
  for (const StepShape& batch : batches) {
    const StepMemory memory = estimate_step(config, plan, batch);
    if (memory.total() <= most.total()) continue;
    most = memory;
    shape = batch;
  }
  const int64_t free_bytes =
      device.is_cpu() ? available_memory_bytes() : std::numeric_limits<int64_t>::max();
  fmt::print(stderr, "{}\n", memory_sentence(most, shape, free_bytes));
  if (most.total() - most.weights > free_bytes)
    spdlog::warn(
        "the step needs {} beside the weights, and {} are free: smaller batches, "
        "optimizer.gradient_checkpointing = true, [lora] or model.frozen_dtype = \"bf16\" take "
        "less",
        size(most.total() - most.weights), size(free_bytes));
}

}  // namespace stapes::train
