// The order in which samples are seen, without keeping it in memory.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace stapes::train {

// The sample to take at place `index` of an endless run through `count` samples: each pass sees all
// of them, in an order of its own. (Samples sorted by a keyed hash would cost a sort per pass, so a
// pass walks i -> (a i + b) mod count with a coprime to count.)
inline uint64_t shuffled(uint64_t index, uint64_t count, uint64_t seed) {
  Rng rng(seed, 0x73687566 /* "shuf" */, index / count);
  uint64_t step = 1 + rng.next() % count;
  while (std::gcd(step, count) != 1) step = step % count + 1;
  const uint64_t offset = rng.next() % count;
  return (index % count * step + offset) % count;
}

// A random order of 0 ... count - 1 (Fisher and Yates).
inline std::vector<size_t> shuffled_order(size_t count, Rng rng) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(i) - 1))]);
  return order;
}

}  // namespace stapes::train
