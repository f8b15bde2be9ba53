// The losses of reinforcement learning, over the N generated tokens of a micro-batch. All are sums
// divided by `batch_tokens`, the number of tokens of the whole batch: so gradients do not depend on
// how the batch was cut into micro-batches.
#pragma once

#include "train/libtorch.h"
#include "train/nn/parameters.h"

namespace stapes::train {

// exp(log_probs - old), the difference held within +-20. [N]
torch::Tensor importance_ratio(const torch::Tensor& log_probs, const torch::Tensor& old_log_probs);

// PPO's: -min(r A, clip(r, 1 - clip, 1 + clip) A). Everything [N]; a scalar.
torch::Tensor clipped_policy_loss(const torch::Tensor& log_probs,
                                  const torch::Tensor& old_log_probs,
                                  const torch::Tensor& advantages, double clip,
                                  int64_t batch_tokens);
// Where the clipped branch is the smaller one, so that the token has no gradient. [N] bool
torch::Tensor is_clipped(const torch::Tensor& ratio, const torch::Tensor& advantages, double clip);

// 1/2 (V - R)^2; with clip > 0 the larger of that and of V held within +-clip of what it was.
torch::Tensor value_loss(const torch::Tensor& values, const torch::Tensor& old_values,
                         const torch::Tensor& returns, double clip, int64_t batch_tokens);

// Estimates of KL(policy || reference) from tokens of the policy (Schulman, "Approximating KL
// divergence", 2020): k1 = log p - log q, k3 = q / p - 1 - log(q / p). [N]
torch::Tensor kl_k1(const torch::Tensor& log_probs, const torch::Tensor& reference_log_probs);
torch::Tensor kl_k3(const torch::Tensor& log_probs, const torch::Tensor& reference_log_probs);

struct TokenScores {
  torch::Tensor log_probs;  // [N] f32
  torch::Tensor entropies;  // [N] f32, nats; undefined unless asked for; has no gradient
};
// hidden [N, D], targets [N] i64. Of the first `known_ids` tokens of the vocabulary, which are
// those that the sampler draws from. Everything after the head's product is f32.
TokenScores score_tokens(const Parameters& parameters, const torch::Tensor& hidden,
                         const torch::Tensor& targets, int64_t known_ids, bool entropies);

// The critic's head, no bias: weight [1, D], hidden [N, D] -> [N] f32.
torch::Tensor value_head(const torch::Tensor& weight, const torch::Tensor& hidden);

}  // namespace stapes::train
