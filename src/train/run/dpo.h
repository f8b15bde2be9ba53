// Preference training by DPO (Rafailov et al. 2023), for self-cognition: the paper's last stage
// (arXiv 2511.15848). Pairs of one's own, or by self-distillation.
#pragma once

#include <atomic>

#include "train/dpo_recipe.h"
#include "train/parallel/ranks.h"

namespace stapes::train {

struct DpoOptions {
  bool resume = false;                      // go on from the run's latest checkpoint, bit for bit
  const std::atomic<bool>* stop = nullptr;  // set by a signal: save a checkpoint and return
  const Ranks* ranks = nullptr;             // the processes that share this run; none: it is alone
};

struct DpoResult {
  int64_t steps = 0, all_steps = 0;
  bool finished = false;
  bool saved = false;   // there is a checkpoint to go on from
  int64_t skipped = 0;  // steps that were not finite
  double loss = 0;      // of the last evaluation: on pairs that are not trained on
  double accuracy = 0;  // the same: margins above 0
  double refusals = 0;  // share of the replies to held-out questions, sampled; NaN: not asked
};

// Runs the recipe to its end and writes the model to recipe.model.output (if given).
// In the run's folder: pairs.jsonl, pairs.json and clips/ where the pairs are sampled,
// reference.json, metrics.csv, test.csv, checkpoints.
// Throws kNotFound, kInvalidData (pairs; a recipe, pairs or starting model that changed under
// --resume; no pair came of the sampling; three steps in a row whose numbers are not finite, the
// last one is then kept as bad-step-*.json), kIo (a full disk: the last good checkpoint stays).
DpoResult run_dpo(const DpoRecipe& recipe, const DpoOptions& options);

}  // namespace stapes::train
