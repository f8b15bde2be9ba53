// One forward pass of the decoder over the next rows of several sequences.
#pragma once

#include <span>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/sequence.h"
#include "model/decoder.h"

namespace stapes {

struct SequenceStep {
  Sequence* sequence = nullptr;
  DecoderStep step;
  int64_t first_logits = -1;  // its first row in the logits; -1: it asked for none
};

// Runs the steps and reports them done. Returns the logits [rows wanted, V], which stand in the
// workspace, and fills in where each sequence's begin. Where this throws, none of the sequences can
// go on.
LogitsView run_steps(const LoadedModel& model, std::span<SequenceStep> steps,
                     DecoderWorkspace& workspace);

}  // namespace stapes
