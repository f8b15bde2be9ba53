// Supervised fine-tuning (the paper's cold start, section 3.1): encoder, adaptor and decoder, loss
// on the assistant's part only.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "train/data/source.h"
#include "train/parallel/ranks.h"
#include "train/recipe.h"

namespace stapes::train {

struct SftOptions {
  bool resume = false;                      // go on from the run's latest checkpoint, bit for bit
  const std::atomic<bool>* stop = nullptr;  // set by a signal: save a checkpoint and return
  // In place of what the recipe's [data] asks for.
  std::shared_ptr<const ExampleSource> source = nullptr;
  const Ranks* ranks = nullptr;  // the processes that share this run; none: it is alone
};

struct SftResult {
  int64_t steps = 0;
  bool finished = false;
  double text_loss = 0;  // of the last evaluation
  double text_accuracy = 0;
  double frame_accuracy = 0;
  double voice_accuracy = 0;
};

// Runs the recipe to its end and writes the model to recipe.model.output (if given).
// Throws kNotFound, kInvalidData (data, or a recipe that changed under --resume), kIo (a full disk:
// the last good checkpoint stays), kInvalidData after 10 steps in a row with a loss or gradient
// that is not finite. Several ranks train on the same batches as one would, each on its part; a
// step that is not finite for one is skipped by all. Their weights are equal in every bit; beside
// those of one process they differ by the order of sums. The first one writes the run's files.
SftResult run_sft(const Recipe& recipe, const SftOptions& options);

}  // namespace stapes::train
