// What the subcommands that run a recipe have in common: its file, --digits, --set and --resume.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/program.h"

namespace stapes::cli {

struct RecipeFlags {
  std::filesystem::path recipe;
  std::filesystem::path digits;  // empty: the recipe's
  std::vector<std::string> set;  // KEY=VALUE, in place of the recipe's
  bool resume = false;
};

// The recipe's TOML with `set` in it. Throws kNotFound, and as train::with_overrides.
std::string recipe_text(const RecipeFlags& flags);

// `run` returns the exit status.
Command add_recipe_command(CLI::App& program, const std::string& name,
                           const std::string& description,
                           const std::function<int(const RecipeFlags&)>& run);

// A launcher such as mpirun started several processes of a command that cannot share its work: each
// would do all of it, in the same folder. Throws kUsage.
void require_one_process(const std::string& command);

}  // namespace stapes::cli
