// stapes-train sft: supervised fine-tuning from a recipe.
#include <fmt/format.h>

#include "cli/train_commands.h"
#include "cli/train_recipe_command.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/sft.h"

namespace stapes::cli {
namespace {

int run_sft(const RecipeFlags& flags) {
  train::Recipe recipe = train::parse_recipe(recipe_text(flags), flags.recipe.string());
  if (!flags.digits.empty()) train::set_digits_folder(recipe.data, flags.digits);
  const train::Ranks ranks(train::placement_from_environment());
  const train::SftResult result =
      train::run_sft(recipe, {.resume = flags.resume, .stop = &stop_on_signals(), .ranks = &ranks});
  if (!ranks.leads()) return 0;
  if (!result.finished) {
    fmt::print(stderr, "stopped at step {} of {}; go on with: stapes-train sft {} --resume\n",
               result.steps, recipe.optimizer.steps, flags.recipe.string());
    return exit_status(ErrorCode::kCancelled);
  }
  if (!recipe.model.output.empty()) fmt::print("{}\n", recipe.model.output.string());
  return 0;
}

}  // namespace

Command add_train_sft_command(CLI::App& program) {
  return add_recipe_command(
      program, "sft", "Supervised fine-tuning: encoder, adaptor and decoder (docs/training.md)",
      run_sft);
}

}  // namespace stapes::cli
