// What runs with and without LoRA do differently at their begin and end; checkpoint.h has what they
// keep in between.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "train/nn/parameters.h"
#include "train/recipe.h"
#include "train/run/checkpoint.h"

namespace stapes::train {

// On the device. `is_frozen`: of a part's name (part_of); its matrices are stored as
// model.frozen_dtype says.
Parameters load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                        const ModelRecipe& model, torch::Device device,
                        const std::function<bool(const std::string& part)>& is_frozen);

// Adds fresh pairs where the recipe has [lora]; then nothing else is trained.
void adapt(Parameters& parameters, const LoraRecipe& recipe, const ModelConfig& config,
           uint64_t seed, torch::Device device);

// What a finished run leaves: model.output, merged, if the recipe names one; with LoRA also
// RUN/adapter.
void write_result(const std::filesystem::path& run_folder, const ModelFiles& files,
                  const Parameters& parameters, const ModelRecipe& model);

}  // namespace stapes::train
