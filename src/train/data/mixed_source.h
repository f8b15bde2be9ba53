// Several sources in fixed shares.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/data/source.h"

namespace stapes::train {

// Which part an index of the mixture goes to, and which index inside that part: both are pure
// functions of (weights, seed, index), and the part's indices are 0, 1, 2, ... without gaps, so
// that a part's own passes through its samples stay passes.
//
// Index i stands at the place (golden ratio * i + a start that depends on the seed) modulo 1, and
// each part owns a stretch of [0, 1) as long as its share. A keyed random number in place of the
// rotation would be as exact in the long run, but a batch of 32 would stray by 3 from its shares
// where this one strays by 1, and how often a part came up before could only be counted one by one:
// for a rotation it is a difference of two sums of floors, which take O(log) steps as Euclid's
// algorithm does.
class Mixture {
 public:
  struct Place {
    size_t part = 0;
    uint64_t index = 0;  // inside the part
  };

  // Weights are shares up to a common factor, kept to 2^-31. Throws kInvalidData (none, one that is
  // not finite or not above 0, one that is too small beside the others).
  Mixture(const std::vector<double>& weights, uint64_t seed);
  Place place(uint64_t index) const;

 private:
  std::vector<uint64_t> begins_;  // of the parts' stretches; one more entry: the end
  uint64_t start_ = 0;
};

struct WeightedSource {
  std::string name;
  std::shared_ptr<const ExampleSource> source;
  double weight = 1;
};

// Examples of all parts in the shares of their weights, in training and in evaluation alike. An
// example's origin begins with its part's name; the fingerprint covers names, weights and parts.
// Throws as Mixture, and kInvalidData for two parts of one name.
std::unique_ptr<ExampleSource> mixed_source(std::vector<WeightedSource> parts, uint64_t seed);

}  // namespace stapes::train
