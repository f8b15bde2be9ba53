// Modality-grounded reasoning distillation (the paper's section 3.3): rounds of sampling chains of
// thought, keeping those that are about the sound, training on them, and reinforcement.
#pragma once

#include <atomic>

#include "train/mgrd_recipe.h"

namespace stapes::train {

struct MgrdOptions {
  bool resume = false;                      // go on where the run's manifest ends, bit for bit
  const std::atomic<bool>* stop = nullptr;  // set by a signal: save and return
};

struct MgrdResult {
  int rounds = 0;  // done
  bool finished = false;
  std::string stopped_in;  // "the step sft of round 1"; of a run that was stopped
  double accuracy = 0;     // held out, greedy, of the last evaluation
};

// Runs the recipe's rounds and writes the model to recipe.model.output (if given).
//   RUN/manifest.json       steps done, their files with hashes, kept and dropped
//   RUN/evaluation.csv      held-out figures by round; 0: the starting model. evaluation-sft.csv:
//                           the same between a round's two trainings
//   RUN/round-N/            what distill.h says; evaluation.jsonl, examples.jsonl with clips/
//   RUN/round-N/sft, rl     runs as those of run/sft.h and run/rl.h; their model/ is the result
// Throws as distill, run_sft, run_rl and RoundManifest.
MgrdResult run_mgrd(const MgrdRecipe& recipe, const MgrdOptions& options);

}  // namespace stapes::train
