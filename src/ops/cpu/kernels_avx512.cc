// Vectors of sixteen floats: x86-64-v4 (Skylake-SP, Zen 4 and later).
#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor (see kernels_body.h).
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")

namespace stapes {
namespace {

constexpr char kLevelName[] = "avx512";

#include "ops/cpu/avx512_vectors_body.h"

#include "ops/cpu/kernels_body.h"

#include "ops/cpu/attention_body.h"

// acc[lane] += Σ of the lane's four unsigned bytes times the four signed bytes of x.
// Even and odd bytes as 16-bit numbers: _mm512_maddubs_epi16 would saturate.
inline VecI dot4(const VecI& acc, const VecI& weights, int32_t x) {
  const __m512i w = (__m512i)weights, four = _mm512_set1_epi32(x);
  const __m512i even = _mm512_and_si512(w, _mm512_set1_epi16(0xff));
  const __m512i odd = _mm512_srli_epi16(w, 8);
  const __m512i x_even = _mm512_srai_epi16(_mm512_slli_epi16(four, 8), 8);
  const __m512i x_odd = _mm512_srai_epi16(four, 8);
  return acc + (VecI)_mm512_madd_epi16(even, x_even) + (VecI)_mm512_madd_epi16(odd, x_odd);
}

// The same for weights of at most 128: the sum of two products fits into 16 bits.
inline VecI dot4_small(const VecI& acc, const VecI& weights, int32_t x) {
  const __m512i pairs = _mm512_maddubs_epi16((__m512i)weights, _mm512_set1_epi32(x));
  return acc + (VecI)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

// acc[lane] += Σ of the lane's two 16-bit numbers times the two of x.
inline VecI dot2(const VecI& acc, const VecI& weights, int32_t x) {
  return acc + (VecI)_mm512_madd_epi16((__m512i)weights, _mm512_set1_epi32(x));
}

constexpr int kPartsTogether = 3;  // of a tile, as many as the registers hold the sums of
// Tiles that a product of few rows reads side by side.
constexpr int kMemoryStreams = 4;

#include "ops/cpu/quantized_body.h"

#include "ops/cpu/quantized_batch_body.h"

#include "ops/cpu/without_tiles_body.h"

#include "ops/cpu/int16_body.h"

#include "ops/cpu/integer_attention_body.h"

#include "ops/cpu/kernels_table.h"

}  // namespace

const Kernels* avx512_kernels() {
  return &kKernels;
}

}  // namespace stapes

#else

namespace stapes {

const Kernels* avx512_kernels() {
  return nullptr;
}

}  // namespace stapes

#endif
