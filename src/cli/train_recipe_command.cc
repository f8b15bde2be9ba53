#include "cli/train_recipe_command.h"

#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "train/parallel/ranks.h"
#include "train/recipe_overrides.h"

namespace stapes::cli {

Command add_recipe_command(CLI::App& program, const std::string& name,
                           const std::string& description,
                           const std::function<int(const RecipeFlags&)>& run) {
  auto flags = std::make_shared<RecipeFlags>();
  CLI::App* app = add_subcommand(program, name, "[OPTIONS] RECIPE", description);
  app->add_option("RECIPE", flags->recipe, "Recipe (TOML)")->required();
  app->add_option("--digits", flags->digits, "Folder of spoken digits, instead of the recipe's");
  app->add_option("--set", flags->set, "KEY=VALUE in place of the recipe's: optimizer.seed=2")
      ->expected(1)
      ->take_all();
  app->add_flag("--resume", flags->resume, "Go on with the run where it was stopped");
  return {app, [flags, run] { return run(*flags); }};
}

std::string recipe_text(const RecipeFlags& flags) {
  return train::with_overrides(read_file(flags.recipe, size_t{1} << 20), flags.recipe.string(),
                               flags.set);
}

void require_one_process(const std::string& command) {
  const train::Placement placement = train::placement_from_environment();
  if (placement.count > 1)
    fail(ErrorCode::kUsage,
         "{} processes were started, but stapes-train {} runs in one; only sft, rl and dpo can "
         "share their work",
         placement.count, command);
}

}  // namespace stapes::cli
