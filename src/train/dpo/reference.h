// The reference's log-probabilities: computed once before the training, kept in the run's folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "train/dpo/preference_policy.h"

namespace stapes::train {

struct ReferenceScores {
  PairScores train, test;
};

// `key` names what the numbers depend on: the model, the pairs, how they are cut into batches.
void save_reference(const std::filesystem::path& file, const std::string& key,
                    const ReferenceScores& scores);
// Nothing where there is no such file, where it was made for another key, or where it does not hold
// so many pairs: then they are to be computed.
std::optional<ReferenceScores> load_reference(const std::filesystem::path& file,
                                              const std::string& key, size_t train_pairs,
                                              size_t test_pairs);

}  // namespace stapes::train
