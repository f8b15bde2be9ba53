// Pairs as the rows of forward passes. Letters: P pairs, N tokens of their replies.
#pragma once

#include <span>
#include <vector>

#include "train/dpo/preferences.h"
#include "train/libtorch.h"
#include "train/rl/micro_batch.h"

namespace stapes::train {

// Both replies of a pair share the prompt's rows and stand in the same micro-batch.
struct PairBatch {
  MicroBatch rows;
  torch::Tensor replies;  // [N] i64: 2 p for the p-th pair's chosen reply, 2 p + 1 for the other
  torch::Tensor counted;  // [N] bool: in the loss
  std::vector<size_t> pairs;  // [P]: which of the pairs that were given
  torch::Tensor lengths;      // [P] f64: counted tokens of the chosen replies
};

// As make_micro_batches: at most `most_rows` rows, each pair in exactly one, a pure function.
// prompts[i] is that of pairs[i].
std::vector<PairBatch> make_pair_batches(std::span<const TrainerPrompt> prompts,
                                         std::span<const Preference* const> pairs,
                                         int64_t most_rows, torch::Device device);

}  // namespace stapes::train
