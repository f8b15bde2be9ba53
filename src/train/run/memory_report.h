// One line before the first step: what a step will take, and what there is.
#pragma once

#include <span>

#include "train/dpo_recipe.h"
#include "train/memory/step_memory.h"
#include "train/recipe.h"

namespace stapes::train {

StepPlan plan_of(const Recipe& recipe);
StepPlan plan_of(const DpoRecipe& recipe);

// Of the batch that needs most. `free_bytes`: what can be had beside the weights, which are in
// memory already. Warns where that is not enough.
std::string memory_sentence(const StepMemory& memory, const StepShape& shape, int64_t free_bytes);
void report_memory(const ModelConfig& config, const StepPlan& plan,
                   std::span<const StepShape> batches, torch::Device device);

}  // namespace stapes::train
