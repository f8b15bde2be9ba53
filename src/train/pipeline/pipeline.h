// `stapes-train run`: all stages of a recipe, one after the other, with a manifest that says what
// went in and what came out (the paper's order: cold start, reinforcement, MGRD, preferences).
#pragma once

#include <atomic>

#include "train/pipeline/pipeline_recipe.h"

namespace stapes::train {

struct PipelineOptions {
  bool resume = false;
  const std::atomic<bool>* stop = nullptr;  // set by a signal: the stage saves, and we return
};

struct PipelineResult {
  bool finished = false;
  std::string stopped_in;        // the stage that was asked to stop
  std::filesystem::path output;  // the last stage's model
};

// RUN/manifest.json, RUN/STAGE/ (each a run's folder of its own), RUN/STAGE/model.
// With `resume`, what is done is kept if its recipe, its input and its output are as they were, and
// the stage that was begun goes on from its latest checkpoint.
// Throws as the stages do; kUsage (the folder holds a run and `resume` is not set), kInvalidData (a
// recipe or a model that changed since its stage was done), kNotFound (resume without a manifest).
PipelineResult run_pipeline(const PipelineRecipe& recipe, const PipelineOptions& options);

}  // namespace stapes::train
