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

TEST(Recipe, ReadsSeveralSources) {
  const Recipe recipe = parse_recipe(R"(
name = "a"
[data]
melody_share = 0.2
thinking_share = 0.5
[[data.sources]]
name = "chains"
weight = 3
jsonl = "chains-*.jsonl"
[[data.sources]]
name = "sounds"
world = true
melody_share = 1.0
)",
                                     "r.toml");
  ASSERT_EQ(recipe.data.sources.size(), 2u);
  EXPECT_EQ(recipe.data.sources[0].name, "chains");
  EXPECT_EQ(recipe.data.sources[0].weight, 3);
  EXPECT_EQ(recipe.data.sources[0].jsonl, "chains-*.jsonl");
  EXPECT_FALSE(recipe.data.sources[0].is_world);
  EXPECT_TRUE(recipe.data.sources[1].is_world);
  EXPECT_EQ(recipe.data.sources[1].weight, 1);
  EXPECT_EQ(recipe.data.sources[1].world.melody_share, 1.0);
  EXPECT_EQ(recipe.data.sources[1].world.thinking_share, 0.5);  // from [data]
  EXPECT_TRUE(recipe.data.empty_think_loss);
  DataRecipe data = recipe.data;
  set_digits_folder(data, "digits");
  EXPECT_EQ(data.sources[1].world.digits_folder, "digits");
}

TEST(Recipe, SaysWhatIsWrongWithSources) {
  const auto source = [](const std::string& keys) {
    return refusal("name = \"a\"\n[[data.sources]]\nname = \"s\"\n" + keys);
  };
  EXPECT_THAT(source(""), HasSubstr("\"s\" must have one of jsonl"));
  EXPECT_THAT(source("world = true\njsonl = \"a\""), HasSubstr("\"s\" must have one of jsonl"));
  EXPECT_THAT(source("world = true\nweight = 0"), HasSubstr("a weight above 0"));
  EXPECT_THAT(source("world = true\n[[data.sources]]\nname = \"s\"\nworld = true"),
              HasSubstr("\"s\" is there twice"));
  EXPECT_THAT(source("jsonl = \"a\"\nmelody_share = 1"), HasSubstr("unknown key data.sources."));
  EXPECT_THAT(refusal("name = \"a\"\n[[data.sources]]\nworld = true"), HasSubstr("needs a name"));
  EXPECT_THAT(refusal("name = \"a\"\n[data]\nsources = 3"), HasSubstr("[[data.sources]]"));
  EXPECT_THAT(refusal("name = \"a\"\n[data]\njsonl = \"x\"\n[[data.sources]]\nname = "
                      "\"s\"\nworld = true"),
              HasSubstr("cannot both be given"));
}

TEST(Recipe, SaysWhatIsWrongWithFreezingAndBatches) {
  const auto optimizer = [](const std::string& keys) {
    return refusal("name = \"a\"\n[optimizer]\n" + keys);
  };
  EXPECT_EQ(optimizer("freeze = [\"encoder\", \"embeddings\"]\ntokens_per_step = 4096"),
            "accepted");
  EXPECT_THAT(optimizer("freeze = [\"encodr\"]"), HasSubstr("\"encodr\" is not one of adaptor"));
  EXPECT_THAT(optimizer("freeze = [\"encoder\", \"adaptor\", \"decoder\", \"embeddings\"]"),
              HasSubstr("nothing to train"));
  EXPECT_THAT(optimizer("freeze = \"encoder\""), HasSubstr("list of strings"));
  EXPECT_THAT(optimizer("clips_per_step = 4\ntokens_per_step = 4096"),
              HasSubstr("cannot both be given"));
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
