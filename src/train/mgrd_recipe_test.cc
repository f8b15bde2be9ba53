#include "train/mgrd_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stapes/error.h"
#include "train/testing/mgrd_recipe_text.h"

namespace stapes::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::mgrd_text;
using testing::MgrdText;

std::string refusal(const MgrdText& text) {
  try {
    parse_mgrd_recipe(mgrd_text(text), "r.toml");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
    return error.what();
  }
  return "nothing was refused";
}

TEST(MgrdRecipe, TheOneOfThisRepositoryIsReadWhole) {
  const MgrdRecipe r = load_mgrd_recipe(std::string(STAPES_SOURCE_DIR) + "/recipes/mgrd_tiny.toml");
  EXPECT_EQ(r.run_folder, "runs/mgrd-tiny");
  EXPECT_EQ(r.rounds, 2);
  EXPECT_EQ(r.selection.lowest, 3);
  EXPECT_EQ(r.distill.samples, 8);
  EXPECT_EQ(r.sft.optimizer.steps, 100);
  EXPECT_EQ(r.sft.optimizer.encoder_learning_rate_scale, 0) << "as in the paper";
  EXPECT_EQ(r.sft.optimizer.helper_weight, 0);
  EXPECT_EQ(r.sft.optimizer.seed, 3U);
  EXPECT_EQ(r.rl.seed, 3U) << "run.seed is that of all steps";
  EXPECT_EQ(r.rl.iterations, 20);
  EXPECT_EQ(r.rl.selection.pool, 2000);
  EXPECT_EQ(r.rl.critic.minibatches, 4);
  EXPECT_FALSE(r.judge.enabled());
}

TEST(MgrdRecipe, TheFilterIsStricterForTasksAboutProsody) {
  const MgrdRecipe r =
      parse_mgrd_recipe(mgrd_text({.filter = "prosody_tasks = [\"conflict\"]\n"}), "r.toml");
  EXPECT_FALSE(r.filter_for("conflict").rules.heard_words_count);
  EXPECT_TRUE(r.filter_for("sum").rules.heard_words_count);
  EXPECT_THAT(refusal({.filter = "prosody_tasks = [\"conflicts\"]\n"}),
              AllOf(HasSubstr("r.toml: filter.prosody_tasks: expected a task"),
                    HasSubstr("\"conflicts\"")));
}

TEST(MgrdRecipe, SaysWhatHappensWithoutAVerdict) {
  const auto with = [](const std::string& on_failure) {
    return parse_mgrd_recipe(
        mgrd_text({.more = "[judge]\nurl = \"http://127.0.0.1:1/v1\"\ntimeout_s = 1.5\n" +
                           (on_failure.empty() ? "" : "on_failure = \"" + on_failure + "\"\n")}),
        "r.toml");
  };
  EXPECT_TRUE(with("keep").filter.no_verdict_is_grounded);
  EXPECT_FALSE(with("keep").judge.options.no_verdict_is_error);
  EXPECT_FALSE(with("drop").filter.no_verdict_is_grounded);
  EXPECT_TRUE(with("stop").judge.options.no_verdict_is_error);
  EXPECT_EQ(with("").judge.on_failure, JudgeFailure::kDrop);
  EXPECT_EQ(with("").judge.options.time, std::chrono::milliseconds(1500));
  EXPECT_THAT(refusal({.more = "[judge]\non_failure = \"hope\"\n"}),
              AllOf(HasSubstr("judge.on_failure"), HasSubstr("\"hope\""), HasSubstr("\"stop\"")));
}

TEST(MgrdRecipe, SourcesBesideTheChains) {
  const MgrdRecipe r = parse_mgrd_recipe(
      mgrd_text({.more = "[[sft.sources]]\nname = \"chat\"\njsonl = \"a.jsonl\"\n[[sft.sources]]\n"
                         "name = \"math\"\njsonl = \"b.jsonl\"\nweight = 3\n"}),
      "r.toml");
  ASSERT_EQ(r.sft.sources.size(), 2U);
  EXPECT_EQ(r.sft.sources[1].weight, 3);
  EXPECT_THAT(refusal({.more = "[[sft.sources]]\nname = \"distilled\"\njsonl = \"a\"\n"}),
              HasSubstr("a name of its own"));
  EXPECT_THAT(refusal({.more = "[[sft.sources]]\nname = \"x\"\n"}), HasSubstr("jsonl"));
  EXPECT_THAT(refusal({.more = "[[sft.sources]]\nname = \"x\"\njsonl = \"a\"\nshare = 1\n"}),
              HasSubstr("unknown key sft.sources.share"));
}

TEST(MgrdRecipe, NamesKeysInNestedTables) {
  EXPECT_THAT(refusal({.filter = "require_truth = true\n"}),
              AllOf(HasSubstr("unknown key filter.require_truth"), HasSubstr("require_right")));
  EXPECT_THAT(refusal({.more = "[rl.reward]\nbonus = 1\n"}),
              HasSubstr("unknown key rl.reward.bonus"));
  EXPECT_THAT(refusal({.more = "[rl]\niterations = 0\n"}),
              AllOf(HasSubstr("unknown key rl.iterations"), HasSubstr("run")));
  EXPECT_THAT(refusal({.rl_iterations = 1, .more = "[rl.selection]\nlowest = 7\n"}),
              HasSubstr("[rl]: selection"));
  EXPECT_THAT(refusal({.distill = "samples = 0\n"}), HasSubstr("distill.samples"));
  EXPECT_THAT(refusal({.distill = "samples = 20\n"}), HasSubstr("live_sequences"));
  EXPECT_THAT(refusal({.distill = "keep = \"best\"\n"}),
              AllOf(HasSubstr("distill.keep"), HasSubstr("\"shortest\"")));
  EXPECT_THAT(refusal({.rounds = 0}), HasSubstr("run.rounds"));
}

}  // namespace
}  // namespace stapes::train
