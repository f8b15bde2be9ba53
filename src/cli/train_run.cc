// stapes-train run: all stages of a pipeline's recipe.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/train_commands.h"
#include "cli/train_stop.h"
#include "stapes/error.h"
#include "train/pipeline/pipeline.h"

namespace stapes::cli {
namespace {

struct Flags {
  std::filesystem::path recipe;
  std::filesystem::path digits;
  bool resume = false;
};

int run(const Flags& flags) {
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
  auto flags = std::make_shared<Flags>();
  CLI::App* app = add_subcommand(program, "run", "[OPTIONS] RECIPE",
                                 "All stages, one after the other (docs/training.md)");
  app->add_option("RECIPE", flags->recipe, "Recipe with [[stage]] tables (TOML)")->required();
  app->add_option("--digits", flags->digits,
                  "Folder of spoken digits for all stages, instead of their recipes'");
  app->add_flag("--resume", flags->resume, "Go on with the stage that was begun");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace stapes::cli
