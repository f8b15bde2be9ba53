// For tests of losses: numbers in double, and gradients against central differences.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "train/libtorch.h"

namespace stapes::testing {

inline torch::Tensor doubles(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

// Central differences of `loss` at a point, element by element, against autograd.
inline void expect_right_gradient(const torch::Tensor& at,
                                  const std::function<torch::Tensor(const torch::Tensor&)>& loss) {
  const torch::Tensor x = at.clone().set_requires_grad(true);
  loss(x).backward();
  const torch::Tensor by_autograd = x.grad().clone().reshape({-1});
  const torch::NoGradGuard no_grad;
  torch::Tensor flat = x.detach().reshape({-1});  // the same memory
  const double step = 1e-6;
  for (int64_t i = 0; i < flat.numel(); ++i) {
    const double kept = flat[i].item<double>();
    flat[i] = kept + step;
    const double above = loss(x).item<double>();
    flat[i] = kept - step;
    const double below = loss(x).item<double>();
    flat[i] = kept;
    // Rounding is 1e-16 / 1e-6, curvature 1e-12: 1e-8 is far from both.
    EXPECT_NEAR(by_autograd[i].item<double>(), (above - below) / (2 * step), 1e-8) << i;
  }
}

}  // namespace stapes::testing
