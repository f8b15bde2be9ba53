// Who computes how many rows in the next step of the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stapes {

// What one sequence could do now.
struct RowDemand {
  int64_t rows = 0;         // that it has to compute, at least 1
  int64_t extra_rows = 0;   // guesses that it would like to check besides
  bool generating = false;  // else it reads its prompt
};

struct StepLimits {
  // Rows of all sequences in one step: bounds the activations' memory.
  int64_t rows = 512;
  // Of these, prompt rows while other sequences are generating: bounds how long those wait for
  // their next token.
  int64_t prompt_rows_beside_generating = 128;
  int64_t extra_rows = 64;  // each costs a row of logits, which is as wide as the vocabulary
};

// Rows for each demand, extra ones last. Sequences that generate come first, guesses of theirs come
// next, and prompts share what is left: each about the same, in pieces of 16 or more where there
// are many. Who comes first changes with `turn`, so that in the long run nobody is left out.
std::vector<int64_t> plan_step(std::span<const RowDemand> demands, const StepLimits& limits,
                               size_t turn);

}  // namespace stapes
