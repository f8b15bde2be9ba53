// Steps of the model with gradients that would be several passes over memory in libtorch: on the
// CPU and in f32 one pass each (fused_kernels.h), elsewhere libtorch's own operations.
#pragma once

#include "train/libtorch.h"

namespace stapes::train {

torch::Tensor exact_gelu(const torch::Tensor& x);                         // exact, not tanh's
torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up);  // silu(gate) up
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// x [C, S, D]: each place with its neighbours, [C, (S - 1) / stride + 1, 3 D]; beyond the ends are
// zeros. What a convolution of width 3 multiplies.
torch::Tensor neighbours(const torch::Tensor& x, int64_t stride);

// x [B, T, H, W]; cosine and sine [B, T, 1, W], the halves of a head paired (not neighbours).
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cosine,
                     const torch::Tensor& sine);

}  // namespace stapes::train
