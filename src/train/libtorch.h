// The part of libtorch that training is written with: tensors and their gradients. The whole,
// <torch/torch.h>, also has modules, data loaders and optimizers; each translation unit would pay
// for their templates. What is wanted of those is included where it is used.
#pragma once

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace torch::optim {
class AdamW;
}
