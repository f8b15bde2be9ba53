// The engine and the trainer on one batch of real replies of models/tiny: the same probabilities,
// exact ratios, gradients that do not depend on how the batch is cut, and what stays untouched.
#include "train/rl/actor_critic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/rl/health.h"
#include "train/rl/targets.h"

#include "train/testing/on_ranks.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

const fs::path kModel = fs::path(STAPES_SOURCE_DIR) / "models" / "tiny";

RlRecipe recipe_with(const std::string& more = "") {
  return parse_rl_recipe("name = \"t\"\n[model]\ninit = \"" + kModel.string() + "\"\n" + more,
                         "test.toml");
}

const Ranks& one_rank() {
  static const Ranks kAlone;
  return kAlone;
}

// Everything up to an update, for a mixed batch: sound and text, replies of many lengths.
struct Batch {
  RlRecipe recipe;
  ModelConfig config = load_config(kModel);
  ModelFiles files = read_model_files(kModel);
  Tokenizer tokenizer = Tokenizer::parse(files.tokenizer_json, "tokenizer.json");
  ActorCritic networks;
  RolloutEngine engine;
  std::vector<RolloutPrompt> prompts;
  std::vector<Rollout> rollouts;
  std::vector<TrainerPrompt> read;
  std::vector<MicroBatch> batches;
  BatchScores scores;
  BatchTargets targets;

  explicit Batch(RlRecipe given, int64_t most_rows = 600, const Ranks& ranks = one_rank())
      : recipe(std::move(given)),
        networks(recipe, config, Parameters::load(kModel, config),
                 static_cast<int64_t>(tokenizer.size()), torch::kCPU, ranks),
        engine(config, files, networks.policy(), {.live_sequences = 32, .max_tokens = 90}) {
    const auto world = world_prompts({.tasks = {"count-notes", "loudness"}, .seed = 3});
    for (uint64_t i = 0; i < 3; ++i) prompts.push_back(world->get(Phase::kTraining, i));
    RolloutPrompt text;
    text.id = "text";
    text.messages = {{"user", {ContentPart::of_text("Which digits are spoken?")}}};
    text.expected.text = "3";
    prompts.push_back(text);
    recipe.rollout.samples = 4;
    rollouts =
        engine.generate(prompts, {.samples = 4, .max_tokens = 90, .seed = 7, .ranks = &ranks});
    grade(prompts, rollouts, *task_reward({}, tokenizer), ranks);
    read = read_prompts(prompts, tokenizer, networks.policy(), config, torch::kCPU);
    cut(most_rows);
    targets = make_targets(rollouts, scores, recipe);
    // Rewards of a good model hardly differ: advantages that do.
    for (size_t i = 0; i < targets.advantages.size(); ++i)
      targets.advantages[i] = std::sin(static_cast<double>(i));
  }

  void cut(int64_t most_rows) {
    batches = make_micro_batches(read, rollouts, most_rows, torch::kCPU);
    scores = networks.score(batches, std::vector<bool>(batches.size(), true));
  }
  Minibatch all() const {
    Minibatch minibatch;
    for (const MicroBatch& batch : batches) minibatch.push_back(&batch);
    return minibatch;
  }
  std::vector<torch::Tensor> policy_gradients() {
    RatioFigures ratios;
    networks.policy_gradients(all(), scores, targets, ratios);
    std::vector<torch::Tensor> gradients;
    for (const auto& name : networks.policy().names())
      if (networks.policy()[name].grad().defined())
        gradients.push_back(networks.policy()[name].grad().clone());
    return gradients;
  }
};

class ActorCriticTest : public ::testing::Test {
 protected:
  ActorCriticTest() {
    at::globalContext().setUserEnabledMkldnn(false);
    torch::set_num_threads(1);
  }
};

double distance(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]).square().sum().item<double>();
    norm += a[i].square().sum().item<double>();
  }
  return std::sqrt(difference / norm);
}

std::map<std::string, torch::Tensor> copies(const Parameters& parameters) {
  std::map<std::string, torch::Tensor> copies;
  for (const auto& name : parameters.names()) copies[name] = parameters[name].detach().clone();
  return copies;
}

// Replies are keyed by their prompt, and every micro-batch is computed by one rank as one alone
// would: the same bits. Only the gradients' sum has another order.
TEST_F(ActorCriticTest, TwoRanksComputeWhatOneDoes) {
  const std::string kl = "[policy]\nkl = \"k3\"\nkl_weight = 0.1\n";
  constexpr int64_t kMostRows = 250;
  Batch one(recipe_with(kl), kMostRows);
  ASSERT_GT(one.batches.size(), 2u);
  const auto expected = one.policy_gradients();
  const double critic_loss = one.networks.critic_gradients(one.all(), one.scores, one.targets);
  on_ranks(2, [&](const Ranks& ranks) {
    Batch two(recipe_with(kl), kMostRows, ranks);
    ASSERT_EQ(two.rollouts.size(), one.rollouts.size());
    for (size_t i = 0; i < one.rollouts.size(); ++i) {
      EXPECT_EQ(two.rollouts[i].ids, one.rollouts[i].ids);
      EXPECT_EQ(two.rollouts[i].logprobs, one.rollouts[i].logprobs);
      EXPECT_EQ(two.rollouts[i].reward.total, one.rollouts[i].reward.total);
    }
    EXPECT_EQ(two.scores.log_probs, one.scores.log_probs);
    EXPECT_EQ(two.scores.values, one.scores.values);
    EXPECT_EQ(two.scores.reference_log_probs, one.scores.reference_log_probs);
    EXPECT_LT(distance(expected, two.policy_gradients()), 1e-6);
    EXPECT_NEAR(two.networks.critic_gradients(two.all(), two.scores, two.targets), critic_loss,
                1e-9);
  });
}

// One reply a sequence, several that share their prompt's rows, everything in one pass: the
// engine's own log-probabilities each time. f32 sums in other orders, over some dozen products:
// 1e-5 on average, and the rarest tokens (log-probability -10 and below) are off by more.
TEST_F(ActorCriticTest, EngineAndTrainerAgreeOnEveryToken) {
  Batch batch(recipe_with());
  size_t shortest = 1000, longest = 0;
  for (const Rollout& rollout : batch.rollouts) {
    shortest = std::min(shortest, rollout.ids.size());
    longest = std::max(longest, rollout.ids.size());
  }
  ASSERT_GT(longest, shortest + 10) << "the lengths are to be ragged";
  for (const int64_t most_rows : {1, 600, 100000}) {
    batch.cut(most_rows);
    const Mismatch mismatch = compare_log_probs(batch.rollouts, batch.scores);
    EXPECT_LT(mismatch.mean, 1e-5) << most_rows;
    EXPECT_LT(mismatch.max, 1e-3) << most_rows;
    EXPECT_GT(mismatch.max, 0) << "two computations are never quite the same";
  }
}

TEST_F(ActorCriticTest, OtherWeightsAreNoticed) {
  Batch batch(recipe_with());
  const torch::NoGradGuard no_grad;
  ActorCritic other(batch.recipe, batch.config, Parameters::load(kModel, batch.config),
                    static_cast<int64_t>(batch.tokenizer.size()), torch::kCPU, one_rank());
  other.policy().at("model.norm.weight").mul_(1.01);
  const BatchScores scores = other.score(batch.batches, std::vector<bool>(batch.batches.size()));
  EXPECT_GT(compare_log_probs(batch.rollouts, scores).mean, 1e-5);
}

TEST_F(ActorCriticTest, WhatTheOptimizerWritesIsSampledNext) {
  Batch batch(recipe_with("[policy]\nlearning_rate = 1e-3\nwarmup_updates = 0\n"));
  batch.networks.update_policy(batch.batches, batch.scores, batch.targets, 0);
  batch.engine.refresh(batch.networks.policy());
  batch.rollouts =
      batch.engine.generate(batch.prompts, {.samples = 4, .max_tokens = 90, .seed = 8});
  batch.cut(600);
  EXPECT_LT(compare_log_probs(batch.rollouts, batch.scores).mean, 1e-5);
}

TEST_F(ActorCriticTest, TheFirstUpdateIsExactlyOnPolicy) {
  Batch strict(recipe_with());
  const UpdateFigures once =
      strict.networks.update_policy(strict.batches, strict.scores, strict.targets, 0);
  EXPECT_EQ(once.updates, 1);
  EXPECT_EQ(once.ratios.low, 1);
  EXPECT_EQ(once.ratios.high, 1);
  EXPECT_EQ(once.ratios.clipped, 0);
  EXPECT_EQ(once.ratios.kl_sum, 0);

  Batch several(recipe_with(
      "[policy]\nepochs = 3\nminibatches = 2\nlearning_rate = 3e-3\nwarmup_updates = 0\n"));
  ASSERT_GT(several.batches.size(), 1U);
  const UpdateFigures many =
      several.networks.update_policy(several.batches, several.scores, several.targets, 0);
  EXPECT_EQ(many.updates, 6);
  EXPECT_EQ(many.first_ratio_error, 0);
  EXPECT_LT(many.ratios.low, 1);  // the later ones are not
  EXPECT_GT(many.ratios.high, 1);
  EXPECT_GT(many.ratios.clipped, 0);
  EXPECT_GT(many.ratios.kl_sum, 0);
}

// The denominator is the whole batch's, so cutting it must not matter. f32 sums in another order.
TEST_F(ActorCriticTest, GradientsDoNotDependOnMicroBatches) {
  Batch batch(recipe_with("[policy]\nkl = \"k3\"\nkl_weight = 0.1\n"), 1);
  EXPECT_EQ(batch.batches.size(), batch.rollouts.size());
  // Far from the starting model, so that the KL term has a gradient.
  for (double& log_prob : batch.scores.reference_log_probs) log_prob -= 0.5;
  const std::vector<double> reference = batch.scores.reference_log_probs;
  const auto alone = batch.policy_gradients();
  for (const int64_t most_rows : {300, 700, 100000}) {
    batch.cut(most_rows);
    batch.scores.reference_log_probs = reference;
    EXPECT_LT(distance(alone, batch.policy_gradients()), 1e-4) << most_rows;
  }
  EXPECT_EQ(batch.batches.size(), 1U);
}

TEST_F(ActorCriticTest, CriticGradientsDoNotDependOnMicroBatches) {
  Batch batch(recipe_with(), 1);
  {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(2);
    batch.networks.value_weight().normal_();
  }
  const double one_by_one =
      batch.networks.critic_gradients(batch.all(), batch.scores, batch.targets);
  const torch::Tensor gradient = batch.networks.value_weight().grad().clone();
  const std::vector<double> values = batch.scores.values;
  batch.cut(100000);
  batch.scores.values = values;
  const double together = batch.networks.critic_gradients(batch.all(), batch.scores, batch.targets);
  EXPECT_NEAR(one_by_one, together, 1e-5 * one_by_one);
  EXPECT_LT((batch.networks.value_weight().grad() - gradient).norm().item<double>(),
            1e-4 * gradient.norm().item<double>());
}

TEST_F(ActorCriticTest, TheCriticBeginsAtZeroAndLearnsWithoutTouchingThePolicy) {
  Batch batch(recipe_with("[critic]\nlearning_rate = 1e-3\nwarmup_updates = 0\nminibatches = 2\n"));
  for (const double value : batch.scores.values) EXPECT_EQ(value, 0);
  const auto before = copies(batch.networks.policy());
  double first = 0, last = 0;
  for (int64_t iteration = 0; iteration < 8; ++iteration) {
    last = batch.networks.update_critic(batch.batches, batch.scores, batch.targets, iteration).loss;
    if (iteration == 0) first = last;
  }
  EXPECT_LT(last, 0.5 * first);
  for (const auto& [name, tensor] : before)
    EXPECT_TRUE(torch::equal(tensor, batch.networks.policy()[name])) << name;
}

TEST_F(ActorCriticTest, TheEncoderStaysAsItIsAndTheAdaptorWhereAsked) {
  for (const bool train_adaptor : {true, false}) {
    Batch batch(recipe_with("[policy]\nlearning_rate = 1e-3\nwarmup_updates = 0\n" +
                            std::string(train_adaptor ? "" : "train_adaptor = false\n")));
    const auto before = copies(batch.networks.policy());
    batch.networks.update_policy(batch.batches, batch.scores, batch.targets, 0);
    batch.networks.update_critic(batch.batches, batch.scores, batch.targets, 0);
    for (const auto& [name, tensor] : before) {
      const bool same = torch::equal(tensor, batch.networks.policy()[name]);
      const bool frozen =
          name.starts_with("encoder.") || (name.starts_with("adapter.") && !train_adaptor);
      EXPECT_EQ(same, frozen) << name;
    }
  }
}

TEST_F(ActorCriticTest, UpdatesThatAreNotFiniteTouchNothing) {
  Batch batch(recipe_with("[critic]\nminibatches = 2\n"));
  const auto before = copies(batch.networks.policy());
  batch.targets.advantages[5] = std::nan("");
  const UpdateFigures policy =
      batch.networks.update_policy(batch.batches, batch.scores, batch.targets, 0);
  EXPECT_EQ(policy.skipped, 1);
  EXPECT_EQ(policy.updates, 0);
  for (const auto& [name, tensor] : before)
    EXPECT_TRUE(torch::equal(tensor, batch.networks.policy()[name])) << name;

  batch.targets.returns[5] = INFINITY;  // in one of the two minibatches
  const UpdateFigures critic =
      batch.networks.update_critic(batch.batches, batch.scores, batch.targets, 0);
  EXPECT_EQ(critic.skipped, 1);
  EXPECT_EQ(critic.updates, 1);
  EXPECT_TRUE(torch::isfinite(batch.networks.value_weight()).all().item<bool>());
}

// The first token is predicted by the prompt's last row, and a reply may be nothing else.
TEST_F(ActorCriticTest, AReplyOfOneToken) {
  Batch batch(recipe_with());
  std::vector<double> expected;
  std::vector<Rollout> first_tokens = batch.rollouts;
  const RaggedTokens tokens = tokens_of(batch.rollouts);
  for (size_t i = 0; i < first_tokens.size(); ++i) {
    first_tokens[i].ids.resize(1);
    expected.push_back(batch.scores.log_probs[tokens.begin(i)]);
  }
  const auto batches = make_micro_batches(batch.read, first_tokens, 600, torch::kCPU);
  const BatchScores scores = batch.networks.score(batches, std::vector<bool>(batches.size()));
  ASSERT_EQ(scores.log_probs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scores.log_probs[i], expected[i], 1e-4);
}

TEST(Targets, TheRewardStandsOnTheLastTokenWhateverEndedTheReply) {
  RlRecipe recipe = recipe_with("[advantage]\ngamma = 0.5\nlambda = 1\nwhiten = false\n");
  recipe.rollout.samples = 2;
  std::vector<Rollout> rollouts(2);
  rollouts[0].ids = {1, 2, 3};
  rollouts[0].reward.total = 1;
  rollouts[1].ids = {4};
  rollouts[1].stop = StopReason::kLength;
  rollouts[1].reward.total = 0.5;
  BatchScores scores;
  scores.values = {0.1, 0.2, 0.3, 0.4};
  scores.log_probs = {-1, -2, -3, -4};
  scores.reference_log_probs = {-1.5, -2, -2, -4};
  const BatchTargets plain = make_targets(rollouts, scores, recipe);
  const std::vector<double> returns = {0.25, 0.5, 1, 0.5};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(plain.returns[i], returns[i], 1e-12);
    EXPECT_NEAR(plain.advantages[i], returns[i] - scores.values[i], 1e-12);
  }
  recipe.policy.kl = "k1";
  recipe.policy.kl_weight = 0.1;
  const BatchTargets with_kl = make_targets(rollouts, scores, recipe);
  EXPECT_NEAR(with_kl.returns[2], 1 + 0.1, 1e-12);
  EXPECT_NEAR(with_kl.returns[1], 0.5 * 1.1, 1e-12);
  EXPECT_NEAR(with_kl.returns[0], -0.05 + 0.25 * 1.1, 1e-12);

  recipe.policy.kl = "none";
  recipe.advantage.estimator = "rloo";
  const BatchTargets groups = make_targets(rollouts, scores, recipe);
  EXPECT_EQ(groups.advantages, (std::vector<double>{0.5, 0.5, 0.5, -0.5}));
  EXPECT_TRUE(groups.returns.empty());
}

TEST(Health, RepetitionAndAMismatchThatIsNotANumber) {
  const std::vector<TokenId> loop(40, 7), line = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_NEAR(repetition(loop), 1 - 1.0 / 37, 1e-12);
  EXPECT_EQ(repetition(line), 0);
  EXPECT_EQ(repetition(std::vector<TokenId>{1, 2}), 0);
  std::vector<Rollout> rollouts(1);
  rollouts[0].ids = {1, 2};
  rollouts[0].logprobs = {-1, -2};
  BatchScores scores;
  scores.log_probs = {std::nan(""), -2};
  const Mismatch mismatch = compare_log_probs(rollouts, scores);
  EXPECT_TRUE(std::isnan(mismatch.mean) && std::isnan(mismatch.max));
}

}  // namespace
}  // namespace stapes::train
