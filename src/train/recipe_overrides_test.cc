#include "train/recipe_overrides.h"

#include <gmock/gmock.h>

#include "stapes/error.h"
#include "train/recipe.h"

namespace stapes::train {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRecipe = R"(# a comment
name = "mine"
[data]
digits_folder = "digits"
tasks = ["sum", "largest"]
[optimizer]
steps = 10
)";

Recipe with(const std::vector<std::string>& overrides) {
  return parse_recipe(with_overrides(kRecipe, "mine.toml", overrides), "mine.toml");
}

std::string error_of(const std::vector<std::string>& overrides) {
  try {
    with(overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(RecipeOverridesTest, WithoutAnyTheTextStaysAsItIs) {
  EXPECT_EQ(with_overrides(kRecipe, "mine.toml", {}), kRecipe);
}

TEST(RecipeOverridesTest, KeysAreReplacedAddedAndPutIntoTables) {
  const Recipe recipe =
      with({"optimizer.steps=20", "optimizer.seed = 7", "name=other", "data.tasks=[\"conflict\"]",
            "logging.print_every=3", "model.output=runs/it's \"new\"/model", "optimizer.steps=30"});
  EXPECT_EQ(recipe.optimizer.steps, 30);  // the last one counts
  EXPECT_EQ(recipe.optimizer.seed, 7U);
  EXPECT_EQ(recipe.name, "other");
  EXPECT_EQ(recipe.data.tasks, (std::vector<std::string>{"conflict"}));
  EXPECT_EQ(recipe.data.digits_folder, "digits");
  EXPECT_EQ(recipe.logging.print_every, 3);
  EXPECT_EQ(recipe.model.output, "runs/it's \"new\"/model");
  EXPECT_THAT(recipe.source_text, HasSubstr("steps = 30"));  // what a resumed run compares
}

TEST(RecipeOverridesTest, WhatCannotBeSetIsSaid) {
  EXPECT_THAT(error_of({"optimizer.seed"}), HasSubstr("expected KEY=VALUE"));
  EXPECT_THAT(error_of({"=3"}), HasSubstr("expected KEY=VALUE"));
  EXPECT_THAT(error_of({"a b=3"}), HasSubstr("cannot be a key"));
  EXPECT_THAT(error_of({"data.tasks=[sum]"}), HasSubstr("begins as a list"));
  EXPECT_THAT(error_of({"optimizer=3"}), HasSubstr("optimizer is a table"));
  EXPECT_THAT(error_of({"name.first=3"}), HasSubstr("name is a value"));
  EXPECT_THAT(error_of({"optimizer.stepz=3"}), HasSubstr("unknown key optimizer.stepz"));
  EXPECT_THAT(error_of({"optimizer.steps=many"}), HasSubstr("must be a whole number"));
}

}  // namespace
}  // namespace stapes::train
