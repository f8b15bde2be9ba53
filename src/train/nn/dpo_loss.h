// Direct preference optimization (Rafailov et al. 2023): the loss over pairs of replies.
#pragma once

#include <cstdint>

#include "train/libtorch.h"

namespace stapes::train {

// Log-probabilities of whole replies, [P] each: of the policy and of the reference.
struct PairLogProbs {
  torch::Tensor chosen, rejected, reference_chosen, reference_rejected;
};

// Of each pair, [P]:
//   reward  = beta (log policy - log reference), of the chosen and of the rejected reply
//   margin  = reward of the chosen - reward of the rejected
//   loss    = -(1 - e) log sigmoid(margin) - e log sigmoid(-margin), e the label smoothing
// Where policy and reference are equal the margin is 0 and the loss is ln 2.
struct DpoTerms {
  torch::Tensor loss, margin, chosen_reward, rejected_reward;
};
DpoTerms dpo_terms(const PairLogProbs& log_probs, double beta, double label_smoothing);

// Sums over the tokens of each reply, in double (f32 loses nats over thousands of tokens):
// log_probs [N], replies [N] i64 in 0 ... count - 1, counted [N] bool: tokens of the loss.
// -> [count] f64.
torch::Tensor sum_by_reply(const torch::Tensor& log_probs, const torch::Tensor& replies,
                           const torch::Tensor& counted, int64_t count);

}  // namespace stapes::train
