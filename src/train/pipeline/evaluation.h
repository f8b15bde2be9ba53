// The scores that a pipeline keeps of each stage's model.
#pragma once

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/pipeline/pipeline_recipe.h"

namespace stapes::train {

// What is asked for of "world" (as `stapes eval-world --json` writes it), "grounding" and "hearing"
// (as `stapes eval-grounding --json`). Prints the tables to stderr. Throws as evaluate_world and
// evaluate_grounding, and kCancelled once `stop` is set.
nlohmann::ordered_json evaluate_model(const std::filesystem::path& model,
                                      const PipelineEvaluation& evaluation,
                                      const std::filesystem::path& digits_folder,
                                      const std::atomic<bool>* stop = nullptr);

}  // namespace stapes::train
