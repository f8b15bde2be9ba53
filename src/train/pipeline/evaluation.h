// The scores that a pipeline keeps of each stage's model.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/pipeline/pipeline_recipe.h"

namespace stapes::train {

// As `stapes eval-world --json` writes it. Prints the table to stderr. Throws as evaluate_world.
nlohmann::ordered_json evaluate_model(const std::filesystem::path& model,
                                      const PipelineEvaluation& evaluation,
                                      const std::filesystem::path& digits_folder);

}  // namespace stapes::train
