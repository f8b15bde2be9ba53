// Clips of spoken digits.
#pragma once

#include "world/digit_bank.h"

namespace stapes::world {

struct SpeechOptions {
  int min_digits = 1;
  int max_digits = 4;
  bool augment = true;
};

// Recordings of the split, joined with gaps. A clip of two or more digits is by one speaker with
// probability one half, and else by at least two.
Clip make_speech_clip(const DigitBank& bank, Split split, const SpeechOptions& options, Rng& rng);

// Recordings of one speaker as plan_conflict() has them, of two digits or more. Their levels (RMS)
// rise or fall strictly, whatever is augmented. Throws kInvalidData for a speaker with one digit.
Clip make_conflict_clip(const DigitBank& bank, Split split, const SpeechOptions& options, Rng& rng);

}  // namespace stapes::world
