// Scoring, as pure functions.
#pragma once

#include <cstdint>

#include "reward/normal_text.h"  // normalized_answer(): what is compared

namespace stapes {

// How many of `total` were right, and the 95 % score interval of that share (Wilson, 1927), which
// stays inside [0, 1] and is sound for none and for all of few.
struct Score {
  int64_t correct = 0;
  int64_t total = 0;

  void add(bool right) {
    correct += right ? 1 : 0;
    ++total;
  }
  // All three are 0 where nothing was asked, except high(), which is 1: nothing is known.
  double share() const;
  double low() const;
  double high() const;
};

// Share of `a` less that of `b` with a 95 % interval (Newcombe, 1998, method 10: built of the two
// score intervals). It takes the two as independent; where both were counted on the same examples,
// as here, it is rather too wide.
struct Difference {
  double value = 0, low = -1, high = 1;
};
Difference difference(const Score& a, const Score& b);

}  // namespace stapes
