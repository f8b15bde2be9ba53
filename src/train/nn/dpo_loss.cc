#include "train/nn/dpo_loss.h"

namespace stapes::train {

using torch::Tensor;

DpoTerms dpo_terms(const PairLogProbs& log_probs, double beta, double label_smoothing) {
  DpoTerms terms;
  terms.chosen_reward = beta * (log_probs.chosen - log_probs.reference_chosen);
  terms.rejected_reward = beta * (log_probs.rejected - log_probs.reference_rejected);
  terms.margin = terms.chosen_reward - terms.rejected_reward;
  terms.loss = -(1 - label_smoothing) * torch::log_sigmoid(terms.margin);
  if (label_smoothing > 0)
    terms.loss = terms.loss - label_smoothing * torch::log_sigmoid(-terms.margin);
  return terms;
}

Tensor sum_by_reply(const Tensor& log_probs, const Tensor& replies, const Tensor& counted,
                    int64_t count) {
  const Tensor in_loss = log_probs.to(torch::kFloat64) * counted;
  return torch::zeros({count}, in_loss.options()).index_add(0, replies, in_loss);
}

}  // namespace stapes::train
