// The recipe of `stapes-train run`: which stages follow each other, each with a recipe of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stapes::train {

enum class StageKind : uint8_t { kSft, kRl, kMgrd, kDpo };
const char* name(StageKind kind);

struct StageRecipe {
  std::string name;  // of its folder in the run's
  StageKind kind = StageKind::kSft;
  std::filesystem::path recipe;  // as the stage's own subcommand reads it
  size_t line = 0;               // where it stands in the pipeline's recipe
};

// After each stage, on what is kept apart from training; 0: not at all.
struct PipelineEvaluation {
  int examples_per_task = 0;            // of the sound world, with thinking and without
  std::vector<std::string> tasks = {};  // empty: as `stapes eval-world`
  int grounding_per_task = 0;  // `stapes eval-grounding --only tasks`: silence, other clips, claims
  int hearing_questions = 0;   // held-out questions whether it hears, replies at temperature 1
  bool any() const { return examples_per_task + grounding_per_task + hearing_questions > 0; }
};

struct PipelineRecipe {
  std::string name;
  std::filesystem::path run_folder;     // default runs/NAME
  std::filesystem::path init;           // the first stage's model; empty: what its own recipe says
  std::filesystem::path output;         // where the last stage's model goes; may be empty
  std::filesystem::path digits_folder;  // for all stages; empty: what their recipes say
  std::vector<StageRecipe> stages;
  PipelineEvaluation evaluation;
};

// Stages' recipes are relative to the pipeline's file, all other paths to the working directory.
// Throws as load_recipe; a stage's recipe is only looked for, not read.
PipelineRecipe load_pipeline_recipe(const std::filesystem::path& path);

}  // namespace stapes::train
