#include "engine/content_hash.h"

#include <xxhash.h>

#include <random>
#include <vector>

namespace stapes {
namespace {

uint64_t process_seed() {
  static const uint64_t seed = [] {
    std::random_device random;
    return (uint64_t{random()} << 32) | random();
  }();
  return seed;
}

ContentHash to_content_hash(const XXH128_hash_t& hash) {
  return {.low = hash.low64, .high = hash.high64};
}

}  // namespace

ContentHash hash_of(std::span<const std::byte> bytes) {
  return to_content_hash(XXH3_128bits_withSeed(bytes.data(), bytes.size(), process_seed()));
}

ContentHash hash_of(const ContentHash& before, std::span<const std::byte> bytes) {
  std::vector<std::byte> joined;
  const auto first = std::as_bytes(std::span(&before, 1));
  joined.reserve(first.size() + bytes.size());
  joined.insert(joined.end(), first.begin(), first.end());
  joined.insert(joined.end(), bytes.begin(), bytes.end());
  return hash_of(joined);
}

ContentHash hash_of_samples(std::span<const float> samples) {
  return hash_of(std::as_bytes(samples));
}

}  // namespace stapes
