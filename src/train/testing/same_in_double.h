// A step of the model against an obvious twin in double.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "train/libtorch.h"

namespace stapes::testing {

using torch::Tensor;
using Step = std::function<Tensor(const std::vector<Tensor>&)>;

// `fused` in f32 gives the values and gradients that `plain` gives in double, but for rounding; the
// gradient comes in a layout of its own.
inline void expect_same(const std::vector<Tensor>& inputs, const Step& fused, const Step& plain) {
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

}  // namespace stapes::testing
