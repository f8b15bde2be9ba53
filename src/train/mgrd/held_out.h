// What a model's thoughts are like on prompts that are never trained on.
#pragma once

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "train/mgrd_recipe.h"
#include "train/rl/health.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

struct HeldOut {
  // accuracy, thought_tokens, surrogates, claims (of a thought), true_claims, false_claims,
  // uncheckable_claims (of all claims), thoughts_with_false_claims, refusals, coherent, kept,
  // accuracy/TASK. Shares from 0 to 1; NaN where there is nothing to divide by.
  Figures figures;
  // {"id", "task", "question", "right", "thinking", "answer", "tokens", "report"} of each prompt.
  std::vector<nlohmann::ordered_json> replies;
};

// The first evaluation.prompts held-out prompts of `source` that have a sound, answered greedily
// and checked by the recipe's filter (no judge).
// Throws kInvalidData (no prompt has a sound), kCancelled, and as RolloutEngine::generate.
HeldOut evaluate_held_out(const MgrdRecipe& recipe, const PromptSource& source,
                          const RolloutEngine& engine, const std::atomic<bool>* stop);

void write_replies(const std::filesystem::path& path,
                   const std::vector<nlohmann::ordered_json>& replies);
// Throws kNotFound, kInvalidData, kIo.
std::vector<nlohmann::ordered_json> read_replies(const std::filesystem::path& path);

// FOLDER/examples.jsonl: the first `count` prompts with both replies, {"id", "task", "audio",
// "question", "right", "before": {"thinking", "answer", "report"}, "after": {...}}; "audio" is the
// clip's WAV beside it, a path relative to FOLDER. Throws kIo.
void write_examples(const std::filesystem::path& folder, int count, const PromptSource& source,
                    const std::vector<nlohmann::ordered_json>& before,
                    const std::vector<nlohmann::ordered_json>& after);

}  // namespace stapes::train
