// LoRA is what it says it is: nothing at first, an addition to a matrix later, with right
// gradients.
#include "train/nn/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stapes/error.h"
#include "train/nn/forward.h"
#include "train/nn/linear.h"
#include "train/testing/runs.h"
#include "train/testing/small_model.h"

namespace stapes::train {
namespace {

using torch::Tensor;

class LoraTest : public ::testing::Test {
 protected:
  LoraTest() { at::globalContext().setUserEnabledMkldnn(false); }

  DeviceBatch batch() const {
    return to_device(
        make_batch({random_example(config_, 61, 9, 1), random_example(config_, 48, 12, 2)},
                   config_.encoder.mel_bands),
        torch::kCPU);
  }
  Tensor logits(const Parameters& p, bool recompute = false) const {
    const DeviceBatch b = batch();
    const Tensor audio = adapt_audio(p, encode_audio(p, config_, b.mels, AudioRule::kHuggingFace));
    return language_model_head(p, decode(p, config_, b.rows, audio, recompute));
  }

  const ModelConfig config_ = small_config();
};

TEST_F(LoraTest, FreshPairsChangeNothingAndDependOnTheSeedOnly) {
  Parameters plain = Parameters::random(config_, 3), adapted = plain;
  const LoraSettings settings{.rank = 3, .alpha = 6, .targets = kAllTargets};
  adapted.adapt(Lora::fresh(settings, config_, 7));
  EXPECT_EQ(adapted.lora()->pairs().size(), 2u * 7 + 2);
  EXPECT_TRUE(torch::equal(logits(plain), logits(adapted)));
  const Lora again = Lora::fresh(settings, config_, 7), other = Lora::fresh(settings, config_, 8);
  // One target alone begins as it does among others.
  const Lora fewer = Lora::fresh({.rank = 3, .alpha = 6, .targets = {"up_proj"}}, config_, 7);
  for (const auto& [module, pair] : adapted.lora()->pairs()) {
    EXPECT_TRUE(torch::equal(pair.a, again.find(module)->a)) << module;
    EXPECT_FALSE(torch::equal(pair.a, other.find(module)->a)) << module;
    const double bound = 1 / std::sqrt(static_cast<double>(pair.a.size(1)));
    EXPECT_LE(pair.a.abs().max().item<double>(), bound);
    EXPECT_GT(pair.a.abs().max().item<double>(), 0.8 * bound);
    EXPECT_EQ(pair.b.abs().max().item<double>(), 0);
    const LoraPair* alone = fewer.find(module);
    EXPECT_TRUE(alone == nullptr || torch::equal(pair.a, alone->a)) << module;
  }
}

TEST_F(LoraTest, MergedModelGivesTheSameLogits) {
  Parameters adapted = Parameters::random(config_, 3);
  const Tensor before = logits(adapted);
  adapted.adapt(random_lora(config_, 3, kAllTargets));
  const torch::NoGradGuard no_grad;
  const Tensor apart = logits(adapted), together = logits(adapted.merged(torch::kFloat32));
  const double norm = apart.norm().item<double>();
  EXPECT_LT((apart - together).norm().item<double>(), 2e-6 * norm);
  EXPECT_GT((apart - before).norm().item<double>(), 0.05 * norm);
  EXPECT_EQ(adapted.merged(torch::kFloat32).lora(), nullptr);
  // What is not adapted is the same memory.
  EXPECT_EQ(adapted.merged(torch::kFloat32)["lm_head.weight"].data_ptr(),
            adapted["lm_head.weight"].data_ptr());
}

// Everything in double, through the whole decoder and the adaptor: central differences.
TEST_F(LoraTest, GradientsMatchCentralDifferencesInDouble) {
  Parameters p = Parameters::random(config_, 3);
  for (const auto& name : p.names()) p.at(name) = p[name].to(torch::kFloat64);
  Lora lora = random_lora(config_, 3, kAllTargets);
  std::map<std::string, LoraPair> wide;
  for (const auto& [module, pair] : lora.pairs())
    wide[module] = {pair.a.to(torch::kFloat64), pair.b.to(torch::kFloat64), pair.scale};
  p.adapt(Lora(lora.settings(), wide));
  DeviceBatch b = batch();
  const Tensor encoded =
      torch::randn({2, encoder_frames(61), config_.encoder.width}, torch::kFloat64);
  const Tensor weights =
      torch::randn({2, b.rows.ids.size(1), config_.decoder.vocabulary}, torch::kFloat64);
  const auto loss = [&] {
    const Tensor hidden = decode(p, config_, b.rows, adapt_audio(p, encoded));
    return (language_model_head(p, hidden).tanh() * weights).sum();
  };
  loss().backward();
  for (const auto& [name, trained] : p.trained()) {
    const torch::NoGradGuard no_grad;
    Tensor tensor = trained;
    ASSERT_TRUE(tensor.grad().defined()) << name;
    const Tensor direction = torch::randn_like(tensor);
    const double along = (tensor.grad() * direction).sum().item<double>();
    const double step = 1e-5;
    const auto at = [&](double by) {
      tensor.add_(direction, by);
      const double value = loss().item<double>();
      tensor.add_(direction, -by);
      return value;
    };
    // Norms, rotations and masks are tables of f32 whatever the rest is; the curvature is the
    // error.
    const double measured = (at(step) - at(-step)) / (2 * step);
    EXPECT_NEAR(measured, along, 1e-6 * std::abs(along) + 1e-6) << name;
  }
}

// The gradients of A and B are the full matrix's, projected: dB = s dW A^T, dA = s B^T dW.
TEST_F(LoraTest, GradientsAreTheFullOnesProjected) {
  Parameters adapted = Parameters::random(config_, 3);
  adapted.adapt(random_lora(config_, 4, kAllTargets));
  Parameters full = adapted.merged(torch::kFloat32);
  full.require_grad([&](const std::string& name) {
    return adapted.lora()->find(name.substr(0, name.rfind('.'))) != nullptr;
  });
  const Tensor weights = torch::randn_like(logits(full)).detach();
  (logits(adapted).tanh() * weights).sum().backward();
  (logits(full).tanh() * weights).sum().backward();
  for (const auto& [module, pair] : adapted.lora()->pairs()) {
    const Tensor of_full = full[module + ".weight"].grad();
    const Tensor b = pair.scale * of_full.matmul(pair.a.detach().t());
    const Tensor a = pair.scale * pair.b.detach().t().matmul(of_full);
    const auto off = [](const Tensor& x, const Tensor& y) {
      return (x - y).norm().item<double>() / y.norm().item<double>();
    };
    EXPECT_LT(off(pair.a.grad(), a), 2e-5) << module;
    EXPECT_LT(off(pair.b.grad(), b), 2e-5) << module;
  }
}

TEST_F(LoraTest, OnlyPairsAreTrained) {
  Parameters p = Parameters::random(config_, 3);
  p.require_grad(true);
  p.adapt(random_lora(config_, 2, {"q_proj", "linear2"}));
  EXPECT_EQ(p.trained().size(), 2u * (2 + 1));
  EXPECT_TRUE(p.learns("adaptor"));
  EXPECT_TRUE(p.learns("decoder"));
  EXPECT_FALSE(p.learns("encoder"));
  logits(p).sum().backward();
  for (const auto& name : p.names()) EXPECT_FALSE(p[name].grad().defined()) << name;
  for (const auto& [name, tensor] : p.trained()) EXPECT_TRUE(tensor.grad().defined()) << name;
}

// Frozen weights of bf16 outside of autocast: as if they had been widened.
TEST_F(LoraTest, NarrowWeightsActAsTheirWidenedCopies) {
  Parameters narrow = Parameters::random(config_, 3), wide = narrow;
  for (const auto& name : narrow.names()) {
    if (narrow[name].dim() < 2) continue;
    narrow.at(name) = narrow[name].to(torch::kBFloat16);
    wide.at(name) = narrow[name].to(torch::kFloat32);
  }
  const Lora lora = random_lora(config_, 3, kAllTargets);
  const auto gradients = [&](Parameters& p) {
    std::map<std::string, LoraPair> own;
    for (const auto& [module, pair] : lora.pairs())
      own[module] = {pair.a.detach().clone(), pair.b.detach().clone(), pair.scale};
    p.adapt(Lora(lora.settings(), own));
    logits(p).tanh().sum().backward();
    return p.trained();
  };
  const auto of_narrow = gradients(narrow), of_wide = gradients(wide);
  for (size_t i = 0; i < of_wide.size(); ++i) {
    const Tensor expected = of_wide[i].second.grad();
    EXPECT_LT((of_narrow[i].second.grad() - expected).norm().item<double>(),
              1e-5 * expected.norm().item<double>())
        << of_wide[i].first;
  }
  EXPECT_EQ(narrow.effective("lm_head.weight").scalar_type(), torch::kBFloat16);
  EXPECT_EQ(narrow.effective("adapter.linear1.weight").scalar_type(), torch::kBFloat16);
}

TEST_F(LoraTest, TargetsAreNamesEndsAsInPeft) {
  EXPECT_TRUE(is_target("model.layers.1.mlp.up_proj", "up_proj"));
  EXPECT_TRUE(is_target("model.layers.1.mlp.up_proj", "mlp.up_proj"));
  EXPECT_FALSE(is_target("model.layers.1.mlp.up_proj", "proj"));
  EXPECT_TRUE(is_target("lm_head", "lm_head"));
  const std::string words =
      refusal([&] { Lora::fresh({.rank = 2, .alpha = 2, .targets = {"wq"}}, config_, 1); });
  EXPECT_THAT(words, ::testing::HasSubstr("\"wq\""));
  EXPECT_THAT(words, ::testing::HasSubstr("q_proj"));
  EXPECT_THAT(words, ::testing::HasSubstr("mlp.0"));
}

}  // namespace
}  // namespace stapes::train
