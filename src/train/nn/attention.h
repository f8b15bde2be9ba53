// Attention with gradients that keeps no map of all rows and keys: on the CPU and in f32 tile by
// tile, in backward computed again; elsewhere by libtorch's own operations.
#pragma once

#include "train/libtorch.h"

namespace stapes::train {

enum class Sight : uint8_t {
  kAll,  // of every key, but for what the bias hides
  kPast  // of keys up to the row's own place; the bias must hide those after it
};

// softmax(scale q k' + bias) v, [B, T, H, W]: q [B, T, H, W], k and v [B, K, G, W], each of whose
// heads serves H / G neighbours of q's (grouped heads); bias [B, 1, T or 1, K] in f32, 0 or far
// below.
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const torch::Tensor& bias, double scale, Sight sight);

}  // namespace stapes::train
