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

}  // namespace stapes::world
