// The steps in one pass against libtorch's own operations, with their gradients, in double.
#include "train/nn/fused.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <vector>

namespace stapes::train {
namespace {

using torch::Tensor;
using Step = std::function<Tensor(const std::vector<Tensor>&)>;

// Widths with a rest beside full vectors; the gradient comes in a layout of its own.
void expect_same(const std::vector<Tensor>& inputs, const Step& fused, const Step& plain) {
  const auto with_gradients = [&](const Step& step, torch::ScalarType type,
                                  const Tensor& direction) {
    std::vector<Tensor> leaves, results;
    for (const Tensor& input : inputs)
      leaves.push_back(input.detach().to(type).clone().set_requires_grad(true));
    const Tensor y = step(leaves);
    (y.transpose(-1, -2) * direction.to(type).transpose(-1, -2)).sum().backward();
    results.push_back(y.detach().to(torch::kFloat64));
    for (const Tensor& leaf : leaves)
      if (leaf.grad().defined()) results.push_back(leaf.grad().to(torch::kFloat64));
    return results;
  };
  const Tensor direction = torch::randn_like(plain(inputs).detach());
  const auto ours = with_gradients(fused, torch::kFloat32, direction);
  const auto exact = with_gradients(plain, torch::kFloat64, direction);
  ASSERT_EQ(ours.size(), exact.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), exact[i].sizes());
    // Width 1 has gradients that are nothing but rounding.
    const double bound = 1e-6 * (exact[i].norm().item<double>() + exact[0].norm().item<double>());
    EXPECT_LE((ours[i] - exact[i]).norm().item<double>(), bound)
        << (i == 0 ? "values" : "gradient of input ") << i;
  }
}

class FusedTest : public ::testing::TestWithParam<int64_t> {
 protected:
  FusedTest() {
    torch::manual_seed(1);
    at::globalContext().setUserEnabledMkldnn(false);
  }
};

TEST_P(FusedTest, Gelu) {
  expect_same(
      {torch::randn({3, GetParam()}) * 3}, [](const auto& x) { return exact_gelu(x[0]); },
      [](const auto& x) { return torch::gelu(x[0]); });
}

TEST_P(FusedTest, Gated) {
  expect_same(
      {torch::randn({3, GetParam()}) * 4, torch::randn({3, GetParam()})},
      [](const auto& x) { return gated(x[0], x[1]); },
      [](const auto& x) { return torch::silu(x[0]) * x[1]; });
}

TEST_P(FusedTest, RmsNorm) {
  expect_same(
      {torch::randn({4, 3, GetParam()}), torch::randn({GetParam()})},
      [](const auto& x) { return rms_norm(x[0], x[1], 1e-6); },
      [](const auto& x) { return x[0] * torch::rsqrt(x[0].pow(2).mean(-1, true) + 1e-6) * x[1]; });
}

TEST_P(FusedTest, Rotate) {
  const int64_t width = 2 * GetParam();
  const Tensor half = torch::randn({2, 5, 1, GetParam()});
  const Tensor angle = torch::cat({half, half}, -1);
  const auto turn = [&](const std::vector<Tensor>& x) {
    return rotate(x[0], angle.cos().to(x[0].scalar_type()), angle.sin().to(x[0].scalar_type()));
  };
  expect_same({torch::randn({2, 5, 3, width})}, turn, turn);  // in double it is libtorch's
}

TEST_P(FusedTest, AttentionWeights) {
  for (const int64_t bias_rows : {int64_t{1}, int64_t{5}}) {
    const Tensor bias =
        torch::rand({2, 1, bias_rows, GetParam()}).gt(0.7).to(torch::kFloat32) * -1e9;
    bias.select(-1, 0).zero_();  // a row sees something
    expect_same(
        {torch::randn({2, 3, 5, GetParam()}) * 3},
        [&](const auto& x) { return attention_weights(x[0], bias, 0.3); },
        [&](const auto& x) { return (x[0] * 0.3 + bias.to(x[0].scalar_type())).softmax(-1); });
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, FusedTest, ::testing::Values(1, 7, 16, 33, 192));

TEST(FusedEdges, HiddenKeysWeighNothing) {
  const Tensor bias = torch::tensor({0.0f, -1e9f, 0.0f}).view({1, 1, 1, 3});
  const Tensor weights = attention_weights(torch::zeros({1, 1, 1, 3}), bias, 1);
  EXPECT_EQ(weights.flatten()[1].item<float>(), 0);
  EXPECT_EQ(weights.flatten()[0].item<float>(), 0.5f);
}

TEST(FusedEdges, FarTails) {
  const Tensor x = torch::tensor({-200.0f, -10.0f, 0.0f, 10.0f, 200.0f});
  EXPECT_TRUE(torch::allclose(exact_gelu(x), torch::gelu(x), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(gated(x, torch::ones_like(x)), torch::silu(x), 1e-6, 1e-6));
}

TEST(FusedEdges, NumbersThatAreNoneStaySo) {
  const Tensor x = torch::full({20}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(exact_gelu(x).isnan().all().item<bool>());
  EXPECT_TRUE(gated(x, torch::ones_like(x)).isnan().all().item<bool>());
  EXPECT_TRUE(attention_weights(x.view({1, 1, 1, 20}), torch::zeros({1, 1, 1, 20}), 1)
                  .isnan()
                  .all()
                  .item<bool>());
}

}  // namespace
}  // namespace stapes::train
