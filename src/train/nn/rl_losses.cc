#include "train/nn/rl_losses.h"

#include "train/nn/forward.h"

namespace stapes::train {
namespace {

using torch::Tensor;

constexpr double kLargestLogRatio = 20;

Tensor log_ratio(const Tensor& log_probs, const Tensor& other) {
  return (log_probs - other).clamp(-kLargestLogRatio, kLargestLogRatio);
}

// Without a second copy of all logits: a vocabulary of 158,720 makes 1,000 rows 635 MB.
Tensor entropy_of(const Tensor& logits) {
  constexpr int64_t kRowsAtOnce = 256;
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (int64_t row = 0; row < logits.size(0); row += kRowsAtOnce) {
    const Tensor some = logits.slice(0, row, std::min(row + kRowsAtOnce, logits.size(0))).detach();
    const Tensor log_probs = torch::log_softmax(some, 1);
    parts.push_back(-(log_probs.exp() * log_probs).sum(1));
  }
  return parts.empty() ? logits.new_zeros({0}) : torch::cat(parts);
}

}  // namespace

Tensor importance_ratio(const Tensor& log_probs, const Tensor& old_log_probs) {
  return log_ratio(log_probs, old_log_probs).exp();
}

Tensor clipped_policy_loss(const Tensor& log_probs, const Tensor& old_log_probs,
                           const Tensor& advantages, double clip, int64_t batch_tokens) {
  const Tensor ratio = importance_ratio(log_probs, old_log_probs);
  const Tensor free = ratio * advantages;
  const Tensor held = ratio.clamp(1 - clip, 1 + clip) * advantages;
  return -torch::minimum(free, held).sum() / static_cast<double>(batch_tokens);
}

Tensor is_clipped(const Tensor& ratio, const Tensor& advantages, double clip) {
  return ((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0));
}

Tensor value_loss(const Tensor& values, const Tensor& old_values, const Tensor& returns,
                  double clip, int64_t batch_tokens) {
  Tensor squares = (values - returns).square();
  if (clip > 0) {
    const Tensor held = old_values + (values - old_values).clamp(-clip, clip);
    squares = torch::maximum(squares, (held - returns).square());
  }
  return 0.5 * squares.sum() / static_cast<double>(batch_tokens);
}

Tensor kl_k1(const Tensor& log_probs, const Tensor& reference_log_probs) {
  return log_probs - reference_log_probs;
}

Tensor kl_k3(const Tensor& log_probs, const Tensor& reference_log_probs) {
  const Tensor log_of_ratio = log_ratio(reference_log_probs, log_probs);
  return log_of_ratio.exp() - 1 - log_of_ratio;
}

TokenScores score_tokens(const Parameters& parameters, const Tensor& hidden, const Tensor& targets,
                         int64_t known_ids, bool entropies) {
  const Tensor logits =
      language_model_head(parameters, hidden).slice(1, 0, known_ids).to(torch::kFloat32);
  TokenScores scores;
  scores.log_probs = -torch::cross_entropy_loss(logits, targets, {}, torch::Reduction::None);
  if (entropies) scores.entropies = entropy_of(logits);
  return scores;
}

Tensor value_head(const Tensor& weight, const Tensor& hidden) {
  // Not a matrix product: those become bf16 in a run of that dtype.
  return (hidden.to(torch::kFloat32) * weight).sum(1);
}

}  // namespace stapes::train
