// For any processor: vectors of 16 bytes as GCC lowers them.
#include <array>
#include <cstring>

#include "bench/probe_kernels.h"

namespace stapes {
namespace {

using Words = uint64_t __attribute__((vector_size(16)));
using Floats = float __attribute__((vector_size(16)));
using Shorts = int16_t __attribute__((vector_size(16)));

uint64_t read(const std::byte* data, size_t size_bytes) {
  const size_t stream_bytes = size_bytes / kReadStreams;
  std::array<Words, 4> line = {};
  Words sum = {};
  for (size_t i = 0; i < stream_bytes; i += sizeof line) {
    for (size_t j = 0; j < kReadStreams; ++j) {
      const std::byte* from = data + j * stream_bytes + i;
      __builtin_prefetch(from + kReadAheadBytes);
      std::memcpy(line.data(), from, sizeof line);
      sum ^= (line[0] ^ line[1]) ^ (line[2] ^ line[3]);
    }
  }
  return sum[0] ^ sum[1];
}

constexpr size_t kChains = 8;

template <typename Vector>
int64_t multiply_add(int64_t iterations) {
  std::array<Vector, kChains> sums = {};
  Vector a = {};
  Vector b = {};
  // The compiler may not know that all chains are the same: it would compute one.
  asm volatile("" : "+m"(a), "+m"(b), "+m"(sums));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 8
    for (size_t j = 0; j < kChains; ++j) sums[j] += a * (b + sums[j]);
  }
  Vector total = {};
  for (const Vector& sum : sums) total += sum;
  return static_cast<int64_t>(total[0]);
}

}  // namespace

// The 8-bit products are multiplied in 16 bits, as this level of the operations does.
ProbeKernels generic_probe() {
  return {.read = read,
          .f32_fma = {"multiply, add", multiply_add<Floats>, kChains * 4 * 2},
          .int8_dot = {"multiply, add", multiply_add<Shorts>, kChains * 8 * 2}};
}

}  // namespace stapes
