// Layers that are computed twice: the same bits, and less memory.
#include "train/nn/recomputed.h"

#include <gtest/gtest.h>

#include "train/memory/memory_meter.h"
#include "train/run/session.h"
#include "train/testing/small_model.h"

namespace stapes::train {
namespace {

using torch::Tensor;

class RecomputedTest : public ::testing::TestWithParam<bool> {
 protected:
  RecomputedTest() { at::globalContext().setUserEnabledMkldnn(false); }

  std::map<std::string, Tensor> gradients(const Parameters& p, const ModelConfig& config,
                                          bool recompute, bool bf16, double* loss) const {
    const DeviceBatch batch =
        to_device(make_batch({random_example(config, 61, 9, 1), random_example(config, 48, 12, 2)},
                             config.encoder.mel_bands),
                  torch::kCPU);
    for (auto [name, tensor] : p.trained()) tensor.mutable_grad().reset();
    Tensor text;
    {
      const Bf16Products products(bf16, torch::kCPU);
      text = supervised_losses(p, config, nullptr, batch, nullptr, recompute).text;
    }
    text.backward();
    *loss = text.item<double>();
    std::map<std::string, Tensor> all;
    for (const auto& [name, tensor] : p.trained()) all[name] = tensor.grad().clone();
    return all;
  }
  void expect_same(const Parameters& p, const ModelConfig& config, bool bf16) const {
    double loss = 0, again = 0;
    const auto expected = gradients(p, config, false, bf16, &loss);
    const auto found = gradients(p, config, true, bf16, &again);
    EXPECT_EQ(loss, again);
    ASSERT_FALSE(expected.empty());
    for (const auto& [name, gradient] : expected) {
      EXPECT_TRUE(torch::equal(gradient, found.at(name))) << name;
      EXPECT_GT(gradient.abs().sum().item<double>(), 0) << name;
    }
  }
};

TEST_P(RecomputedTest, AllWeightsHaveTheSameGradientsBitForBit) {
  const ModelConfig config = small_config();
  Parameters p = Parameters::random(config, 5);
  // An unused position has a gradient of zeros; so have keys' biases. They are left out.
  const std::string left_out = "k_proj.bias";
  p.require_grad([&](const std::string& name) { return !name.ends_with(left_out); });
  expect_same(p, config, GetParam());
}

TEST_P(RecomputedTest, PairsHaveTheSameGradientsBitForBit) {
  const ModelConfig config = small_config();
  // Without the adaptor's: then nothing that the first layer is given requires a gradient.
  for (const auto& targets : {kAllTargets, std::vector<std::string>{"v_proj", "up_proj"}}) {
    Parameters p = Parameters::random(config, 5);
    p.adapt(random_lora(config, 3, targets));
    expect_same(p, config, GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Products, RecomputedTest, ::testing::Bool());

TEST(RecomputedMemoryTest, LayersKeepTheirInputOnly) {
  at::globalContext().setUserEnabledMkldnn(false);
  ModelConfig config = small_config();
  config.decoder.layers = 8;
  const MemoryMeter meter;
  Parameters p = Parameters::random(config, 5);
  p.require_grad(true);
  const DeviceBatch batch = to_device(
      make_batch({random_example(config, 0, 80, 1)}, config.encoder.mel_bands), torch::kCPU);
  const auto kept_by_forward = [&](bool recompute) {
    const int64_t before = meter.now_bytes();
    const Tensor hidden = decode(p, config, batch.rows, Tensor(), recompute);
    return meter.now_bytes() - before;
  };
  const int64_t input = 81 * config.decoder.width * 4;
  const int64_t with = kept_by_forward(true), without = kept_by_forward(false);
  // By layer the input; rotations, mask, embeddings and the last norm besides.
  EXPECT_LT(with, 8 * input + 6 * input + 81 * 81 * 4 + 4 * 81 * 6 * 4);
  EXPECT_GT(without, 8 * 10 * input);
}

TEST(RecomputedTapeTest, WithoutATapeThePartItselfRuns) {
  int runs = 0;
  const Part part = [&](const Tensor& x) {
    ++runs;
    return x * 2;
  };
  const Tensor x = torch::ones({3});
  EXPECT_FALSE(recomputed(part, x, {}).requires_grad());
  const Tensor learns = torch::ones({3}).set_requires_grad(true);
  recomputed(part, learns, {}).sum().backward();
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(learns.grad().sum().item<double>(), 6);
}

}  // namespace
}  // namespace stapes::train
