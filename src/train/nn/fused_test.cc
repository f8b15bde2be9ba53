// The steps in one pass against libtorch's own operations, with their gradients, in double.
#include "train/nn/fused.h"

#include <gtest/gtest.h>

#include <limits>

#include "train/testing/same_in_double.h"

namespace stapes::train {
namespace {

using testing::expect_same;
using torch::Tensor;

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

TEST_P(FusedTest, Neighbours) {
  for (const int64_t stride : {1, 2})
    for (const int64_t frames : {1, 4, 5})
      expect_same(
          {torch::randn({2, frames, GetParam()})},
          [&](const auto& x) { return neighbours(x[0], stride); },
          [&](const auto& x) {  // as conv1d's: channels first, then places, then taps
            const Tensor image = x[0].transpose(1, 2).unsqueeze(3);
            const Tensor unfolded =
                torch::im2col(image, /*kernel_size=*/{3, 1}, /*dilation=*/{1, 1},
                              /*padding=*/{1, 0}, {stride, 1});
            return unfolded.view({2, GetParam(), 3, -1})
                .permute({0, 3, 2, 1})
                .reshape({2, -1, 3 * GetParam()});
          });
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

INSTANTIATE_TEST_SUITE_P(Widths, FusedTest, ::testing::Values(1, 7, 16, 33, 192));

TEST(FusedEdges, FarTails) {
  const Tensor x = torch::tensor({-200.0f, -10.0f, 0.0f, 10.0f, 200.0f});
  EXPECT_TRUE(torch::allclose(exact_gelu(x), torch::gelu(x), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(gated(x, torch::ones_like(x)), torch::silu(x), 1e-6, 1e-6));
}

TEST(FusedEdges, NumbersThatAreNoneStaySo) {
  const Tensor x = torch::full({20}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(exact_gelu(x).isnan().all().item<bool>());
  EXPECT_TRUE(gated(x, torch::ones_like(x)).isnan().all().item<bool>());
}

}  // namespace
}  // namespace stapes::train
