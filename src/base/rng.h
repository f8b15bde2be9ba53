// Random numbers keyed by what they are for, not by the order of the calls:
// the same (seed, stream, position) gives the same numbers alone or in any batch, on any thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace stapes {

// splitmix64's finalizer: a bijection of 64 bits that passes the usual statistical tests.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0, uint64_t position = 0)
      : state_(mix64(mix64(mix64(seed) ^ stream) ^ position)) {}

  uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  // Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Uniform integer in [low, high], both included.
  int64_t integer(int64_t low, int64_t high) {
    const auto count = static_cast<uint64_t>(high - low) + 1;
    return low + static_cast<int64_t>(next() % count);  // bias below 2^-40 for our ranges
  }
  bool chance(double probability) { return uniform() < probability; }
  // Standard normal (Box-Muller; one of the pair is dropped so that the state is one word).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }
  template <typename Container>
  const auto& pick(const Container& items) {
    return items[static_cast<size_t>(integer(0, static_cast<int64_t>(items.size()) - 1))];
  }

 private:
  uint64_t state_;
};

}  // namespace stapes
