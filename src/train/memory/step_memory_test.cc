// The formula against what libtorch's allocator counts, for every way of training.
#include "train/memory/step_memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "train/testing/measured_step.h"
#include "train/testing/small_model.h"

namespace stapes::train {
namespace {

// Wide enough for the terms to have the proportions that they have in large models.
ModelConfig test_shape() {
  ModelConfig config = config_like("tiny");
  config.encoder.layers = 2;
  config.decoder.width = 128;
  config.decoder.feed_forward = 640;
  config.decoder.heads = 4;
  config.decoder.kv_heads = 2;
  config.decoder.layers = 3;
  config.decoder.vocabulary = 4000;
  return config;
}

struct Case {
  const char* name;
  StepPlan plan;
  int64_t examples, mel_frames, text_rows;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

const std::vector<std::string> kAttention = {"q_proj", "v_proj"};

std::function<bool(const std::string&)> frozen(std::vector<std::string> parts) {
  return [parts](const std::string& part) { return std::ranges::count(parts, part) > 0; };
}

class StepMemoryTest : public ::testing::TestWithParam<Case> {};

TEST_P(StepMemoryTest, IsWithinTenPercentOfTheMeasured) {
  at::globalContext().setUserEnabledMkldnn(GetParam().plan.bf16_products);
  const Case& c = GetParam();
  const ModelConfig config = test_shape();
  std::vector<TrainingExample> examples;
  for (int64_t i = 0; i < c.examples; ++i)
    examples.push_back(
        random_example(config, c.mel_frames, c.text_rows, static_cast<uint64_t>(i)));
  const Batch batch = make_batch(examples, config.encoder.mel_bands);
  const auto measured = measure_step(config, c.plan, batch);
  const StepMemory estimate = estimate_step(config, c.plan, shape_of(batch));
  EXPECT_EQ(estimate.weights, measured.weights_bytes);
  const auto ratio =
      static_cast<double>(estimate.total()) / static_cast<double>(measured.peak_bytes);
  EXPECT_NEAR(ratio, 1, 0.1) << fmt::format(
      "weights {}, gradients {}, optimizer {}, activations {}, together {}; measured {}",
      estimate.weights, estimate.gradients, estimate.optimizer, estimate.activations,
      estimate.total(), measured.peak_bytes);
  // The weights alone would make a bad estimate look good.
  const auto beside = static_cast<double>(measured.peak_bytes - measured.weights_bytes);
  EXPECT_NEAR(static_cast<double>(estimate.total() - estimate.weights) / beside, 1, 0.15);
}

// Of a batch of text, encoder and adaptor have neither gradients nor moments.
const auto kSound = frozen({"encoder", "adaptor"});
const LoraSettings kLora{.rank = 8, .alpha = 16, .targets = kAllTargets};
const LoraSettings kFewTargets{.rank = 8, .alpha = 16, .targets = kAttention};

INSTANTIATE_TEST_SUITE_P(
    WaysToTrain, StepMemoryTest,
    ::testing::Values(
        Case{"lora", {.lora = kLora}, 4, 0, 200},
        Case{"lora_few_targets", {.lora = kFewTargets}, 4, 0, 200},
        Case{"lora_sound", {.lora = kLora}, 4, 400, 100},
        Case{"lora_checkpointed", {.lora = kLora, .recompute_layers = true}, 4, 0, 200},
        Case{"lora_long", {.lora = kLora}, 1, 0, 900},
        Case{"lora_bf16", {.lora = kLora, .frozen_bf16 = true, .bf16_products = true}, 4, 0, 200},
        Case{"lora_f32_weights_bf16_products", {.lora = kLora, .bf16_products = true}, 4, 0, 200},
        Case{"lora_bf16_checkpointed",
             {.lora = kLora, .frozen_bf16 = true, .bf16_products = true, .recompute_layers = true},
             4,
             0,
             200},
        Case{"decoder", {.is_frozen = kSound}, 4, 0, 200},
        Case{"decoder_checkpointed", {.is_frozen = kSound, .recompute_layers = true}, 4, 0, 200},
        Case{"all_weights_sound", {.is_frozen = frozen({})}, 4, 400, 100},
        Case{"frozen_encoder_sound", {.is_frozen = frozen({"encoder"})}, 4, 400, 100},
        Case{"decoder_bf16_products", {.is_frozen = kSound, .bf16_products = true}, 4, 0, 200}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(StepMemoryPlanTest, MergedCopiesCountWhereTheEngineReads) {
  const ModelConfig config = test_shape();
  StepPlan plan{.lora = kFewTargets};
  const StepShape shape{.examples = 1, .rows = 10, .loss_rows = 5};
  EXPECT_EQ(estimate_step(config, plan, shape).engine, 0);
  plan.engine_shares_weights = true;
  EXPECT_EQ(estimate_step(config, plan, shape).engine, 3 * (128 * 128 + 64 * 128) * 4);
  plan.frozen_bf16 = true;
  EXPECT_EQ(estimate_step(config, plan, shape).engine, 3 * (128 * 128 + 64 * 128) * 2);
}

}  // namespace
}  // namespace stapes::train
