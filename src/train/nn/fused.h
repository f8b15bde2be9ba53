// Steps of the model with gradients that would be several passes over memory in libtorch: on the
// CPU and in f32 one pass each (fused_kernels.h), elsewhere libtorch's own operations.
#pragma once

#include <torch/torch.h>

namespace stapes::train {

torch::Tensor exact_gelu(const torch::Tensor& x);                         // exact, not tanh's
torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up);  // silu(gate) up
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// x [B, T, H, W]; cosine and sine [B, T, 1, W], the halves of a head paired (not neighbours).
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cosine,
                     const torch::Tensor& sine);

// softmax(scale scores + bias) over the last dimension: scores [B, H, T, K], bias [B, 1, T or 1, K]
// f32. The result has the scores' type, what is between is f32.
torch::Tensor attention_weights(const torch::Tensor& scores, const torch::Tensor& bias,
                                double scale);

}  // namespace stapes::train
