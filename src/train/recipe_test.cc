#include "train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stapes/error.h"

namespace stapes::train {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& toml) {
  try {
    parse_recipe(toml, "r.toml");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
    return error.what();
  }
  return "accepted";
}

TEST(Recipe, ReadsEveryKindOfValueAndKeepsDefaults) {
  const Recipe recipe = parse_recipe(R"(
name = "a"
[data]
mask_spectrogram = false
melody_share = 1
[[data.curriculum]]
max_digits = 1
[[data.curriculum]]
from_step = 100
[optimizer]
learning_rate = 2e-4
steps = 7
)",
                                     "r.toml");
  EXPECT_EQ(recipe.run_folder, "runs/a");
  EXPECT_FALSE(recipe.data.mask_spectrogram);
  EXPECT_EQ(recipe.data.melody_share, 1.0);
  ASSERT_EQ(recipe.data.curriculum.size(), 2u);
  EXPECT_EQ(recipe.data.curriculum[0].max_digits, 1);
  EXPECT_EQ(recipe.data.curriculum[1].from_step, 100);
  EXPECT_EQ(recipe.optimizer.learning_rate, 2e-4);
  EXPECT_EQ(recipe.optimizer.steps, 7);
  EXPECT_EQ(recipe.optimizer.clips_per_step, OptimizerRecipe{}.clips_per_step);
}

TEST(Recipe, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(refusal("name = \"a\"\n[optimizer]\nlearning_rat = 1"),
              AllOf(HasSubstr("r.toml:3"), HasSubstr("optimizer.learning_rat"),
                    HasSubstr("learning_rate")));
  EXPECT_THAT(refusal("name = \"a\"\n[optimizer]\nsteps = \"many\""),
              HasSubstr("steps must be a whole number"));
  EXPECT_THAT(refusal("name = \"a\"\n[optimizer]\nsteps = -1"), HasSubstr("steps is -1"));
  EXPECT_THAT(refusal("name = \"a\"\n[optimizer]\nsteps = 0"), HasSubstr("at least 1"));
  EXPECT_THAT(refusal("name = \"a\"\n[optimizer]\ndtype = \"f64\""),
              HasSubstr("\"f32\" or \"bf16\""));
  EXPECT_THAT(refusal("name = \"a\"\noptimizer = 3"), HasSubstr("[optimizer] must be a table"));
  EXPECT_THAT(refusal("[data]\n"), HasSubstr("name is missing"));
  EXPECT_THAT(refusal("name = \"../x\""), HasSubstr("slash"));
  EXPECT_THAT(refusal("name = "), HasSubstr("not TOML"));
}

}  // namespace
}  // namespace stapes::train
