// stapes-train sft: supervised fine-tuning from a recipe.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/train_commands.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/run/sft.h"

namespace stapes::cli {
namespace {

struct Flags {
  std::filesystem::path recipe;
  std::filesystem::path digits;
  bool resume = false;
};

int run(const Flags& flags) {
  train::Recipe recipe = train::load_recipe(flags.recipe);
  if (!flags.digits.empty()) train::set_digits_folder(recipe.data, flags.digits);
  const train::SftResult result =
      train::run_sft(recipe, {.resume = flags.resume, .stop = &stop_on_signals()});
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
  auto flags = std::make_shared<Flags>();
  CLI::App* app =
      add_subcommand(program, "sft", "[OPTIONS] RECIPE",
                     "Supervised fine-tuning: encoder, adaptor and decoder (docs/training.md)");
  app->add_option("RECIPE", flags->recipe, "Recipe (TOML)")->required();
  app->add_option("--digits", flags->digits, "Folder of spoken digits, instead of the recipe's");
  app->add_flag("--resume", flags->resume, "Go on from the run's latest checkpoint");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace stapes::cli
