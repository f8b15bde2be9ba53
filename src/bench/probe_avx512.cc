// Vectors of 64 bytes: x86-64-v4; the products of bytes need AVX-512 VNNI.
#include "bench/probe_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor.
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")

namespace stapes {
namespace {

constexpr int kChains = 16;  // more than latency times throughput; 32 registers hold them

uint64_t read(const std::byte* data, size_t size_bytes) {
  const size_t stream_bytes = size_bytes / kReadStreams;
  __m512i sums[kReadStreams] = {};
  for (size_t i = 0; i < stream_bytes; i += sizeof(__m512i)) {
#pragma GCC unroll 4
    for (size_t j = 0; j < kReadStreams; ++j) {
      const std::byte* vector = data + j * stream_bytes + i;
      _mm_prefetch(reinterpret_cast<const char*>(vector + kReadAheadBytes), _MM_HINT_T0);
      sums[j] = _mm512_xor_si512(sums[j], _mm512_load_si512(vector));
    }
  }
  for (size_t j = 1; j < kReadStreams; ++j) sums[0] = _mm512_xor_si512(sums[0], sums[j]);
  return static_cast<uint64_t>(sums[0][0]);
}

int64_t f32_fma(int64_t iterations) {
  __m512 sums[kChains] = {};
  __m512 a = _mm512_set1_ps(0.5F);
  __m512 b = _mm512_set1_ps(0.25F);
  // The compiler may not know that all chains are the same: it would compute one.
  asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 16
  for (__m512& sum : sums) asm volatile("" : "+v"(sum));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kChains; ++j) sums[j] = _mm512_fmadd_ps(a, b, sums[j]);
  }
  for (int j = 1; j < kChains; ++j) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return static_cast<int64_t>(sums[0][0]);
}

// In assembly: around the intrinsic, GCC 12 copies every sum to another register and back. What the
// sums begin with does not matter.
int64_t int8_dot(int64_t iterations) {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(-2);
  for (int64_t i = 0; i < iterations; ++i) {
    asm volatile(
        "vpdpbusd %1, %0, %%zmm16\n\tvpdpbusd %1, %0, %%zmm17\n\t"
        "vpdpbusd %1, %0, %%zmm18\n\tvpdpbusd %1, %0, %%zmm19\n\t"
        "vpdpbusd %1, %0, %%zmm20\n\tvpdpbusd %1, %0, %%zmm21\n\t"
        "vpdpbusd %1, %0, %%zmm22\n\tvpdpbusd %1, %0, %%zmm23\n\t"
        "vpdpbusd %1, %0, %%zmm24\n\tvpdpbusd %1, %0, %%zmm25\n\t"
        "vpdpbusd %1, %0, %%zmm26\n\tvpdpbusd %1, %0, %%zmm27\n\t"
        "vpdpbusd %1, %0, %%zmm28\n\tvpdpbusd %1, %0, %%zmm29\n\t"
        "vpdpbusd %1, %0, %%zmm30\n\tvpdpbusd %1, %0, %%zmm31"
        :
        : "v"(a), "v"(b)
        : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
          "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
  }
  return iterations;
}

}  // namespace

ProbeKernels avx512_probe() {
  return {.read = read,
          .f32_fma = {"AVX-512 vfmadd", f32_fma, kChains * 16 * 2},
          .int8_dot = {"AVX-512 vpdpbusd", int8_dot, kChains * 64 * 2}};
}

}  // namespace stapes

#else

namespace stapes {

ProbeKernels avx512_probe() {
  return {};
}

}  // namespace stapes

#endif
