#include "train/pipeline/stages.h"

#include "base/fail.h"
#include "train/run/rl.h"
#include "train/run/sft.h"

namespace stapes::train {
namespace {

// The same for all stages, whose recipes have these parts by the same names.
template <typename StageRecipeOf>
void place(StageRecipeOf& recipe, const StageRun& run) {
  recipe.run_folder = run.folder;
  if (!run.init.empty()) recipe.model.init = run.init;
  recipe.model.output = run.output;
  if (!run.digits_folder.empty()) recipe.data.digits_folder = run.digits_folder;
  // Kept in checkpoints, and compared when a run goes on.
  recipe.source_text += fmt::format("\n# stapes-train run: model.init = {}, output = {}\n",
                                    recipe.model.init.string(), recipe.model.output.string());
}

StageOutcome run_sft_stage(const StageRun& run) {
  Recipe recipe = load_recipe(run.stage.recipe);
  place(recipe, run);
  const SftResult result = run_sft(recipe, {.resume = run.resume, .stop = run.stop});
  return {result.finished,
          {{"steps", result.steps},
           {"text_loss", result.text_loss},
           {"text_accuracy", result.text_accuracy}}};
}

StageOutcome run_rl_stage(const StageRun& run) {
  RlRecipe recipe = load_rl_recipe(run.stage.recipe);
  place(recipe, run);
  const RlResult result = run_rl(recipe, {.resume = run.resume, .stop = run.stop});
  return {result.finished,
          {{"iterations", result.iterations},
           {"reward", result.reward},
           {"accuracy", result.accuracy}}};
}

}  // namespace

StageOutcome run_stage(const StageRun& run) {
  switch (run.stage.kind) {
    case StageKind::kSft:
      return run_sft_stage(run);
    case StageKind::kRl:
      return run_rl_stage(run);
    case StageKind::kMgrd:
    case StageKind::kDpo:
      break;
  }
  fail(ErrorCode::kUnsupported, "stage {}: {} cannot run in a pipeline", run.stage.name,
       name(run.stage.kind));
}

std::filesystem::path init_of(const StageRecipe& stage) {
  switch (stage.kind) {
    case StageKind::kSft:
      return load_recipe(stage.recipe).model.init;
    case StageKind::kRl:
      return load_rl_recipe(stage.recipe).model.init;
    case StageKind::kMgrd:
    case StageKind::kDpo:
      break;
  }
  return {};
}

}  // namespace stapes::train
