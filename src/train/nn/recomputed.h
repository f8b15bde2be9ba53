// Gradient checkpointing: a part of the network that keeps its input only, and is computed a second
// time when its gradient is wanted (Chen et al. 2016, arXiv 1604.06174).
#pragma once

#include <functional>
#include <vector>

#include "train/libtorch.h"

namespace stapes::train {

using Part = std::function<torch::Tensor(const torch::Tensor& x)>;

// part(x), with the very gradients that part(x) itself would have. `trained`: all tensors with
// gradients that the part reads besides x. What the part refers to must live until the backward
// pass is done. Products that were in bf16 are so the second time. Without a tape it is part(x).
torch::Tensor recomputed(Part part, const torch::Tensor& x,
                         const std::vector<torch::Tensor>& trained);

}  // namespace stapes::train
