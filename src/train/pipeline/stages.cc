#include "train/pipeline/stages.h"

#include <fmt/format.h>

#include "base/check.h"
#include "train/run/checkpoint.h"
#include "train/run/dpo.h"
#include "train/run/mgrd.h"
#include "train/run/rl.h"
#include "train/run/sft.h"

namespace stapes::train {
namespace {

// Supervised data may come from several sources; those of the others are one folder.
template <typename DataRecipeOf>
void name_digits(DataRecipeOf& data, const std::filesystem::path& folder) {
  if constexpr (requires { set_digits_folder(data, folder); })
    set_digits_folder(data, folder);
  else
    data.digits_folder = folder;
}

// The same for all stages, whose recipes have these parts by the same names.
template <typename RecipeOfStage>
void place(RecipeOfStage& recipe, const StageRun& run) {
  recipe.run_folder = run.folder;
  if (!run.init.empty()) recipe.model.init = run.init;
  recipe.model.output = run.output;
  if (!run.digits_folder.empty()) name_digits(recipe.data, run.digits_folder);
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

StageOutcome run_mgrd_stage(const StageRun& run) {
  MgrdRecipe recipe = load_mgrd_recipe(run.stage.recipe);
  place(recipe, run);
  const MgrdResult result = run_mgrd(recipe, {.resume = run.resume, .stop = run.stop});
  return {result.finished, {{"rounds", result.rounds}, {"accuracy", result.accuracy}}};
}

StageOutcome run_dpo_stage(const StageRun& run) {
  DpoRecipe recipe = load_dpo_recipe(run.stage.recipe);
  place(recipe, run);
  const DpoResult result = run_dpo(recipe, {.resume = run.resume, .stop = run.stop});
  return {result.finished,
          {{"steps", result.steps},
           {"loss", result.loss},
           {"accuracy", result.accuracy},
           {"refusals", result.refusals}}};
}

}  // namespace

StageOutcome run_stage(const StageRun& run) {
  switch (run.stage.kind) {
    case StageKind::kSft:
      return run_sft_stage(run);
    case StageKind::kRl:
      return run_rl_stage(run);
    case StageKind::kMgrd:
      return run_mgrd_stage(run);
    case StageKind::kDpo:
      return run_dpo_stage(run);
  }
  STAPES_CHECK(false, "there is no such stage");
  return {};
}

bool has_begun(const StageRecipe& stage, const std::filesystem::path& folder) {
  if (stage.kind == StageKind::kMgrd) return std::filesystem::exists(folder / "manifest.json");
  return latest_checkpoint(folder).has_value();
}

std::filesystem::path init_of(const StageRecipe& stage) {
  switch (stage.kind) {
    case StageKind::kSft:
      return load_recipe(stage.recipe).model.init;
    case StageKind::kRl:
      return load_rl_recipe(stage.recipe).model.init;
    case StageKind::kMgrd:
      return load_mgrd_recipe(stage.recipe).model.init;
    case StageKind::kDpo:
      return load_dpo_recipe(stage.recipe).model.init;
  }
  return {};
}

}  // namespace stapes::train
