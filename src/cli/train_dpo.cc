// stapes-train dpo: preference training from a recipe.
#include <fmt/format.h>

#include "cli/train_commands.h"
#include "cli/train_recipe_command.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/dpo.h"

namespace stapes::cli {
namespace {

int run_dpo(const RecipeFlags& flags) {
  train::DpoRecipe recipe = train::parse_dpo_recipe(recipe_text(flags), flags.recipe.string());
  if (!flags.digits.empty()) recipe.data.digits_folder = flags.digits;
  const train::Ranks ranks(train::placement_from_environment());
  const train::DpoResult result =
      train::run_dpo(recipe, {.resume = flags.resume, .stop = &stop_on_signals(), .ranks = &ranks});
  if (!ranks.leads()) return 0;
  if (!result.finished) {
    const std::string command = fmt::format("stapes-train dpo {}{}", flags.recipe.string(),
                                            result.saved ? " --resume" : "");
    if (result.saved)
      fmt::print(stderr, "stopped at step {} of {}; go on with: {}\n", result.steps,
                 result.all_steps, command);
    else
      fmt::print(stderr, "stopped before the first step; begin again with: {}\n", command);
    return exit_status(ErrorCode::kCancelled);
  }
  if (!recipe.model.output.empty()) fmt::print("{}\n", recipe.model.output.string());
  return 0;
}

}  // namespace

Command add_train_dpo_command(CLI::App& program) {
  return add_recipe_command(
      program, "dpo",
      "Preference training (DPO): that the model knows that it hears (docs/training.md)", run_dpo);
}

}  // namespace stapes::cli
