// stapes-train run: all stages of a pipeline's recipe.
#include <fmt/format.h>

#include "base/fail.h"
#include "cli/train_commands.h"
#include "cli/train_recipe_command.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/pipeline/pipeline.h"

namespace stapes::cli {
namespace {

int run_pipeline(const RecipeFlags& flags) {
  require_one_process("run");
  if (!flags.set.empty())
    fail(ErrorCode::kUsage,
         "--set is of one stage's keys: put them into its recipe, or run it alone");
  train::PipelineRecipe recipe = train::load_pipeline_recipe(flags.recipe);
  if (!flags.digits.empty()) recipe.digits_folder = flags.digits;
  const train::PipelineResult result =
      train::run_pipeline(recipe, {.resume = flags.resume, .stop = &stop_on_signals()});
  if (!result.finished) {
    fmt::print(stderr, "stopped in stage {}; go on with: stapes-train run {} --resume\n",
               result.stopped_in, flags.recipe.string());
    return exit_status(ErrorCode::kCancelled);
  }
  fmt::print("{}\n", result.output.string());
  return 0;
}

}  // namespace

Command add_train_run_command(CLI::App& program) {
  return add_recipe_command(program, "run", "All stages, one after the other (docs/training.md)",
                            run_pipeline);
}

}  // namespace stapes::cli
