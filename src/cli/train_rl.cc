// stapes-train rl: reinforcement learning from a recipe.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/train_commands.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/rl.h"

namespace stapes::cli {
namespace {

struct Flags {
  std::filesystem::path recipe;
  std::filesystem::path digits;
  bool resume = false;
};

int run(const Flags& flags) {
  train::RlRecipe recipe = train::load_rl_recipe(flags.recipe);
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
  auto flags = std::make_shared<Flags>();
  CLI::App* app = add_subcommand(
      program, "rl", "[OPTIONS] RECIPE",
      "Reinforcement learning with verified rewards: PPO, GRPO, RLOO (docs/training.md)");
  app->add_option("RECIPE", flags->recipe, "Recipe (TOML)")->required();
  app->add_option("--digits", flags->digits, "Folder of spoken digits, instead of the recipe's");
  app->add_flag("--resume", flags->resume, "Go on from the run's latest checkpoint");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace stapes::cli
