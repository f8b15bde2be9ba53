// stapes-train rl: reinforcement learning from a recipe.
#include <fmt/format.h>

#include "cli/train_commands.h"
#include "cli/train_recipe_command.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/rl.h"

namespace stapes::cli {
namespace {

int run_rl(const RecipeFlags& flags) {
  train::RlRecipe recipe = train::parse_rl_recipe(recipe_text(flags), flags.recipe.string());
  if (!flags.digits.empty()) recipe.data.digits_folder = flags.digits;
  const train::Ranks ranks(train::placement_from_environment());
  const train::RlResult result =
      train::run_rl(recipe, {.resume = flags.resume, .stop = &stop_on_signals(), .ranks = &ranks});
  if (!ranks.leads()) return 0;
  if (!result.finished) {
    fmt::print(stderr, "stopped at iteration {} of {}; {}: stapes-train rl {}{}\n",
               result.iterations, recipe.iterations,
               result.saved ? "go on with" : "nothing is saved yet, begin again with",
               flags.recipe.string(), result.saved ? " --resume" : "");
    return exit_status(ErrorCode::kCancelled);
  }
  if (!recipe.model.output.empty()) fmt::print("{}\n", recipe.model.output.string());
  return 0;
}

}  // namespace

Command add_train_rl_command(CLI::App& program) {
  return add_recipe_command(
      program, "rl",
      "Reinforcement learning with verified rewards: PPO, GRPO, RLOO (docs/training.md)", run_rl);
}

}  // namespace stapes::cli
