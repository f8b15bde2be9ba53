// Fingerprints of sound and tokens, by which computed things are found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "text/tokenizer.h"

namespace stapes {

// 128 bits of XXH3 (libxxhash), seeded with a random number per process: nobody outside can prepare
// two contents with one hash.
struct ContentHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const ContentHash&) const = default;
};

ContentHash hash_of(std::span<const std::byte> bytes);
// Of `bytes` after whatever `before` is the hash of.
ContentHash hash_of(const ContentHash& before, std::span<const std::byte> bytes);
// samples: mono 16 kHz.
ContentHash hash_of_samples(std::span<const float> samples);

// What stands at one position of a sequence: all that its keys and values depend on, besides the
// positions before it.
struct PositionContent {
  int64_t token = 0;
  int64_t audio_row = -1;  // of the clip; -1: text
  ContentHash clip;
  bool operator==(const PositionContent&) const = default;
};

}  // namespace stapes

template <>
struct std::hash<stapes::ContentHash> {
  size_t operator()(const stapes::ContentHash& content) const noexcept {
    return static_cast<size_t>(content.low);
  }
};
