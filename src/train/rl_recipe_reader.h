// Parts of the recipe of reinforcement that other recipes contain, too.
#pragma once

#include "train/recipe_reader.h"
#include "train/rl_recipe.h"

namespace stapes::train {

void read_rl_data(TableReader& table, RlDataRecipe& data);
void read_selection(TableReader& table, SelectionRecipe& selection);
// All tables but [model] and [data].
void read_rl_tables(TableReader& top, RlRecipe& recipe);

void check_rl_data(const std::string& where, const RlDataRecipe& data);
void check_selection(const std::string& where, const SelectionRecipe& selection);
void check_rl_numbers(const std::string& where, const RlRecipe& recipe);

}  // namespace stapes::train
