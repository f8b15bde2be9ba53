// One round's distillation: choose questions, sample K chains of each, filter, keep some.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/mgrd/chain.h"
#include "train/mgrd_recipe.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// Streams of random numbers that must not meet.
enum class MgrdStream : uint64_t { kSelect = 0x6d73, kSample = 0x6d61, kKeep = 0x6d6b };
uint64_t stream_seed(uint64_t seed, MgrdStream stream, int round);

struct Distillation {
  int64_t questions = 0;          // asked
  int64_t chains = 0;             // distilled
  nlohmann::ordered_json funnel;  // what funnel.json holds
};

// In `folder` (RUN/round-N):
//   selection.json   the histogram of pass@8 and what was kept of it, where the recipe selects
//   questions.json   the indices of the questions
//   samples/*.jsonl  every sampled chain with its report, some questions a file: what a run that
//                    was killed does not sample again
//   distilled.jsonl  the chains to train on
//   funnel.json      how many came how far
// All are written whole or not at all. Chains are keyed by (seed, round, question, sample), so that
// a resumed distillation gives the same files.
// Throws kInvalidData (no question fits, no chain is left), kCancelled (`stop`), kIo, and as
// RolloutEngine::generate and ChainFilter.
Distillation distill(const MgrdRecipe& recipe, int round, const PromptSource& source,
                     const RolloutEngine& engine, const std::filesystem::path& folder,
                     const std::atomic<bool>* stop);

// Of one question's chains (in order of samples) those that are trained on, by the recipe's rule.
// `duplicates` and `beyond` count what passed the filter and is left out: the same text again, and
// more than keep_per_question.
std::vector<const Chain*> chains_to_keep(const std::vector<const Chain*>& of_question,
                                         const DistillRecipe& recipe, uint64_t seed,
                                         int64_t& duplicates, int64_t& beyond);

}  // namespace stapes::train
