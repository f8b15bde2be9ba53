#include "train/data/mixed_source.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"

namespace stapes::train {
namespace {

constexpr uint64_t kTurn = uint64_t{1} << 31;  // the places of one turn of the rotation
constexpr uint64_t kStep = 1327217885;         // odd, and kTurn / golden ratio

// The sum of floor((a i + b) / m) for i = 0 ... n - 1, modulo 2^64. n, m <= 2^31, a and b < 2^32.
uint64_t floor_sum(uint64_t n, uint64_t m, uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  while (n > 0) {
    sum += n * (n - 1) / 2 * (a / m) + n * (b / m);
    a %= m;
    b %= m;
    // What is left is the number of lattice points below the line (a i + b) / m, counted by rows
    // instead of by columns in the next round.
    const uint64_t top = a * n + b;
    n = top / m;
    b = top % m;
    std::swap(m, a);
    if (m == 0) break;
  }
  return sum;
}

// How many of the first `n` <= kTurn places of a turn are below `limit`.
uint64_t count_below(uint64_t n, uint64_t start, uint64_t limit) {
  return n + floor_sum(n, kTurn, kStep, start) - floor_sum(n, kTurn, kStep, start + kTurn - limit);
}

class MixedSource : public ExampleSource {
 public:
  MixedSource(std::vector<WeightedSource> parts, uint64_t seed)
      : parts_(std::move(parts)), mixture_(weights(parts_), seed) {
    std::set<std::string> names;
    for (const auto& part : parts_) {
      STAPES_CHECK(part.source != nullptr, "the source {} is missing", part.name);
      if (!names.insert(part.name).second)
        fail(ErrorCode::kInvalidData, "two sources of a mixture have the name \"{}\"", part.name);
    }
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t step) const override {
    const Mixture::Place place = mixture_.place(index);
    const WeightedSource& part = parts_[place.part];
    TrainingExample example = part.source->get(phase, place.index, step);
    example.origin = example.origin.empty() ? part.name : part.name + ": " + example.origin;
    return example;
  }

  int64_t rows(Phase phase, uint64_t index, int64_t step) const override {
    const Mixture::Place place = mixture_.place(index);
    return parts_[place.part].source->rows(phase, place.index, step);
  }

  std::string fingerprint() const override {
    std::string text = "mixture";
    for (const auto& part : parts_)
      text += fmt::format("; {} x {}: {}", part.name, part.weight, part.source->fingerprint());
    return text;
  }

 private:
  static std::vector<double> weights(const std::vector<WeightedSource>& parts) {
    std::vector<double> weights;
    for (const auto& part : parts) {
      if (!std::isfinite(part.weight) || part.weight <= 0)
        fail(ErrorCode::kInvalidData, "the weight of the source \"{}\" is {}, expected above 0",
             part.name, part.weight);
      weights.push_back(part.weight);
    }
    return weights;
  }

  std::vector<WeightedSource> parts_;
  Mixture mixture_;
};

}  // namespace

Mixture::Mixture(const std::vector<double>& weights, uint64_t seed)
    : start_(Rng(seed, 0x6d6978 /* "mix" */).next() % kTurn) {
  double total = 0;
  for (const double weight : weights) {
    if (!std::isfinite(weight) || weight <= 0)
      fail(ErrorCode::kInvalidData, "a weight of a mixture is {}, expected above 0", weight);
    total += weight;
  }
  if (weights.empty()) fail(ErrorCode::kInvalidData, "a mixture needs at least one source");
  if (!std::isfinite(total))
    fail(ErrorCode::kInvalidData, "the weights of a mixture are too large");
  double below = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    begins_.push_back(static_cast<uint64_t>(std::llround(below / total * double{kTurn})));
    below += weights[i];
  }
  begins_.push_back(kTurn);
  for (size_t i = 0; i < weights.size(); ++i)
    if (begins_[i] == begins_[i + 1])
      fail(ErrorCode::kInvalidData, "the weight {} is too small beside a sum of {}", weights[i],
           total);
}

Mixture::Place Mixture::place(uint64_t index) const {
  const uint64_t turn = index / kTurn, of_turn = index % kTurn;
  const uint64_t at = (of_turn * kStep + start_) % kTurn;
  const auto part = static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), at) -
                                        begins_.begin() - 1);
  const uint64_t before_in_turn =
      count_below(of_turn, start_, begins_[part + 1]) - count_below(of_turn, start_, begins_[part]);
  return {part, turn * (begins_[part + 1] - begins_[part]) + before_in_turn};
}

std::unique_ptr<ExampleSource> mixed_source(std::vector<WeightedSource> parts, uint64_t seed) {
  return std::make_unique<MixedSource>(std::move(parts), seed);
}

}  // namespace stapes::train
