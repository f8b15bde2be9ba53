// Numbers of supervised training that add up over parts of a batch.
#pragma once

#include <string>

#include "train/nn/losses.h"
#include "train/parallel/ranks.h"

namespace stapes::train {

// Of the parts of a batch that ranks have, or of the batches of an evaluation.
struct SftTally {
  double loss = 0, text_loss = 0, frame_loss = 0;
  // In f64, exact up to 2^53.
  double text_right = 0, text_count = 0, frames_right = 0, frames_count = 0;
  double voices_right = 0, voices_count = 0, tokens = 0, clips = 0;

  // All but the losses.
  void add(const Losses& losses, const DeviceBatch& batch);
  // Over all ranks, in place.
  void sum(const Ranks& ranks, const std::string& what);
};

// Over all ranks.
LossCounts summed(LossCounts counts, const Ranks& ranks, const std::string& what);

}  // namespace stapes::train
