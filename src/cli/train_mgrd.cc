// stapes-train mgrd: modality-grounded reasoning distillation from a recipe.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/train_commands.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/mgrd.h"

namespace stapes::cli {
namespace {

struct Flags {
  std::filesystem::path recipe;
  std::filesystem::path digits;
  bool resume = false;
};

int run(const Flags& flags) {
  train::MgrdRecipe recipe = train::load_mgrd_recipe(flags.recipe);
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
  auto flags = std::make_shared<Flags>();
  CLI::App* app = add_subcommand(
      program, "mgrd", "[OPTIONS] RECIPE",
      "Distil thoughts that are about the sound, and train on them, in rounds (docs/training.md)");
  app->add_option("RECIPE", flags->recipe, "Recipe (TOML)")->required();
  app->add_option("--digits", flags->digits, "Folder of spoken digits, instead of the recipe's");
  app->add_flag("--resume", flags->resume, "Go on where the run's manifest ends");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace stapes::cli
