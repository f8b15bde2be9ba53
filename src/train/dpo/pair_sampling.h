// Preference pairs by self-distillation: the model's own replies to questions whether it hears.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "reward/grounding_report.h"
#include "reward/self_cognition.h"
#include "train/dpo_recipe.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// How many prompts and replies came to each step.
struct PairSamplingFunnel {
  reward::PairFunnel pairs;
  int64_t cut = 0;  // replies that the limit of tokens cut: neither chosen nor rejected
  int64_t rejected_examples = 0;      // worded refusals, where the model gave none
  reward::GroundingFunnel grounding;  // of what refuses nothing, where require_grounded is on

  // Share of the whole replies that refuse: the error rate on the questions of training, sampled.
  double refusal_rate() const;
  nlohmann::ordered_json to_json() const;
  std::string to_table() const;
};

// Whether `reply` to `prompt` may be preferred: it names what is heard, leans on no text, and says
// nothing false about the clip (its truth where it is known, else what is measured), in its answer
// neither.
bool hears_well(const RolloutPrompt& prompt, const reward::Reply& reply,
                reward::GroundingFunnel& funnel);

struct PairSamplingOptions {
  uint64_t seed = 1;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(int64_t done, int64_t all)> on_progress = {};
  // Each prompt is answered by one of them; the first one writes the files.
  const Ranks* ranks = nullptr;
};

// Writes FOLDER/pairs.jsonl, and FOLDER/clips/NNNNNN.wav for each prompt with a pair (rows of JSON
// lines name their own files). No pairs: no pairs.jsonl. Throws kIo, kCancelled (stop).
PairSamplingFunnel sample_pairs(const DpoRecipe& recipe, const PromptSource& prompts,
                                const RolloutEngine& engine, const std::filesystem::path& folder,
                                const PairSamplingOptions& options);

}  // namespace stapes::train
