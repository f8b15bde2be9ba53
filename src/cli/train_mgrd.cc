// stapes-train mgrd: modality-grounded reasoning distillation from a recipe.
#include <fmt/format.h>

#include "cli/train_commands.h"
#include "cli/train_recipe_command.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/mgrd.h"

namespace stapes::cli {
namespace {

int run_mgrd(const RecipeFlags& flags) {
  require_one_process("mgrd");
  train::MgrdRecipe recipe = train::parse_mgrd_recipe(recipe_text(flags), flags.recipe.string());
  if (!flags.digits.empty()) recipe.data.digits_folder = flags.digits;
  const train::MgrdResult result =
      train::run_mgrd(recipe, {.resume = flags.resume, .stop = &stop_on_signals()});
  if (!result.finished) {
    fmt::print(stderr, "stopped in {}; go on with: stapes-train mgrd {} --resume\n",
               result.stopped_in, flags.recipe.string());
    return exit_status(ErrorCode::kCancelled);
  }
  if (!recipe.model.output.empty()) fmt::print("{}\n", recipe.model.output.string());
  return 0;
}

}  // namespace

Command add_train_mgrd_command(CLI::App& program) {
  return add_recipe_command(
      program, "mgrd",
      "Distil thoughts that are about the sound, and train on them, in rounds (docs/training.md)",
      run_mgrd);
}

}  // namespace stapes::cli
