// Vectors of 32 bytes: x86-64-v3.
#include "bench/probe_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor.
#pragma GCC target("avx2,fma")

namespace stapes {
namespace {

constexpr int kChains = 12;  // and two operands: what 16 registers hold

uint64_t read(const std::byte* data, size_t size_bytes) {
  const size_t stream_bytes = size_bytes / kReadStreams;
  __m256i sums[2 * kReadStreams] = {};
  for (size_t i = 0; i < stream_bytes; i += 64) {
#pragma GCC unroll 4
    for (size_t j = 0; j < kReadStreams; ++j) {
      const std::byte* line = data + j * stream_bytes + i;
      const auto* halves = reinterpret_cast<const __m256i*>(line);
      _mm_prefetch(reinterpret_cast<const char*>(line + kReadAheadBytes), _MM_HINT_T0);
      sums[2 * j] = _mm256_xor_si256(sums[2 * j], _mm256_load_si256(halves));
      sums[2 * j + 1] = _mm256_xor_si256(sums[2 * j + 1], _mm256_load_si256(halves + 1));
    }
  }
  for (size_t j = 1; j < 2 * kReadStreams; ++j) sums[0] = _mm256_xor_si256(sums[0], sums[j]);
  return static_cast<uint64_t>(sums[0][0]);
}

int64_t f32_fma(int64_t iterations) {
  __m256 sums[kChains] = {};
  __m256 a = _mm256_set1_ps(0.5F);
  __m256 b = _mm256_set1_ps(0.25F);
  // The compiler may not know that all chains are the same: it would compute one.
  asm volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
  for (__m256& sum : sums) asm volatile("" : "+x"(sum));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kChains; ++j) sums[j] = _mm256_fmadd_ps(a, b, sums[j]);
  }
  for (int j = 1; j < kChains; ++j) sums[0] = _mm256_add_ps(sums[0], sums[j]);
  return static_cast<int64_t>(sums[0][0]);
}

// Unsigned times signed bytes, pairs added to 16 bits, then pairs of those to 32.
int64_t int8_dot(int64_t iterations) {
  constexpr int kDotChains = 8;
  __m256i sums[kDotChains] = {};
  __m256i a = _mm256_set1_epi8(3);
  __m256i b = _mm256_set1_epi8(-2);
  __m256i ones = _mm256_set1_epi16(1);
  asm volatile("" : "+x"(a), "+x"(b), "+x"(ones));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kDotChains; ++j) {
      asm volatile("" : "+x"(a));  // each product is a new one
      sums[j] = _mm256_add_epi32(sums[j], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  for (int j = 1; j < kDotChains; ++j) sums[0] = _mm256_add_epi32(sums[0], sums[j]);
  return sums[0][0];
}

}  // namespace

ProbeKernels avx2_probe() {
  return {.read = read,
          .f32_fma = {"AVX2 vfmadd", f32_fma, kChains * 8 * 2},
          .int8_dot = {"AVX2 vpmaddubsw", int8_dot, 8 * 32 * 2}};
}

}  // namespace stapes

#else

namespace stapes {

ProbeKernels avx2_probe() {
  return {};
}

}  // namespace stapes

#endif
