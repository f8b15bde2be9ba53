// Linear layers as the model's parameters have them: with a bias or without, adapted or not, with
// weights of f32 or bf16.
#pragma once

#include "train/libtorch.h"
#include "train/nn/parameters.h"

namespace stapes::train {

// x [..., in], weight [out, in], bias [out] or undefined -> [..., out]. Frozen weights that are
// stored in bf16 may meet an x of f32 outside of Bf16Products: they are widened for this product
// only, and for that of the backward pass; the tape keeps them as they are.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight,
                      const torch::Tensor& bias);

// MODULE.weight, MODULE.bias (where the table has one) and the module's LoRA pair (where there is
// one).
torch::Tensor linear(const Parameters& parameters, const std::string& module,
                     const torch::Tensor& x);

// f32 of bf16; f32 and f64 stay as they are.
torch::Tensor at_least_f32(const torch::Tensor& x);

}  // namespace stapes::train
