// Distilled chains as training examples.
#pragma once

#include <filesystem>
#include <memory>

#include "train/data/source.h"
#include "train/rl/prompts.h"

namespace stapes::train {

struct DistilledOptions {
  uint64_t seed = 1;
  // Of the examples: the thought is given and broken off, and only the answer is trained on
  // (reply_with_cut_thought).
  double cut_thought_share = 0;
};

// The chains of a distilled.jsonl, with the sounds of `prompts`, of which they were sampled. The
// ids that were sampled are trained on, the stop token included, and never a text read again.
// Every tenth chain is kept for evaluation, whole, where there are at least 20. `tokenizer`
// outlives it. Throws as read_chains, and kInvalidData where a chain is not of these prompts or its
// ids are not the tokenizer's.
std::shared_ptr<const ExampleSource> distilled_source(const std::filesystem::path& path,
                                                      std::shared_ptr<const PromptSource> prompts,
                                                      const DistilledOptions& options,
                                                      const Tokenizer& tokenizer,
                                                      int64_t mel_bands);

}  // namespace stapes::train
