// The stages as a pipeline sees them: a model in, a model and figures out.
#pragma once

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/pipeline/pipeline_recipe.h"

namespace stapes::train {

struct StageRun {
  StageRecipe stage;
  // These stand in place of what the stage's recipe says; empty ones do not.
  std::filesystem::path folder, init, output, digits_folder;
  bool resume = false;
  const std::atomic<bool>* stop = nullptr;
};

struct StageOutcome {
  bool finished = false;  // false: asked to stop
  nlohmann::ordered_json figures;
};

// Throws as the stage's own run does.
StageOutcome run_stage(const StageRun& run);

// Whether `folder` holds a run of the stage that can be gone on with.
bool has_begun(const StageRecipe& stage, const std::filesystem::path& folder);

// The model that a stage's recipe starts from when nothing stands in its place; empty: random
// weights. Throws as the stage's load does, so all recipes can be checked before the first stage.
std::filesystem::path init_of(const StageRecipe& stage);

}  // namespace stapes::train
