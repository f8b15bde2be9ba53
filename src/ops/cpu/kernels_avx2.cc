// Vectors of eight floats, fused multiply-add: x86-64-v3 (Haswell, Zen and later).
#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor (see kernels_body.h).
#pragma GCC target("avx2,fma,f16c")

namespace stapes {
namespace {

constexpr char kLevelName[] = "avx2";
constexpr int kLanes = 8;
constexpr int kRowTile = 2;
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec splat(float value) {
  return (Vec)_mm256_set1_ps(value);
}

inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return (Vec)_mm256_fmadd_ps(a, b, c);
}

inline Vec load_f16(const std::byte* p) {
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

inline Vec load_bf16(const std::byte* p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return (Vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
}

#include "ops/cpu/kernels_body.h"

#include "ops/cpu/attention_body.h"

// acc[lane] += Σ of the lane's four unsigned bytes times the four signed bytes of x.
// Even and odd bytes as 16-bit numbers: _mm256_maddubs_epi16 would saturate.
inline VecI dot4(const VecI& acc, const VecI& weights, int32_t x) {
  const __m256i w = (__m256i)weights, four = _mm256_set1_epi32(x);
  const __m256i even = _mm256_and_si256(w, _mm256_set1_epi16(0xff));
  const __m256i odd = _mm256_srli_epi16(w, 8);
  const __m256i x_even = _mm256_srai_epi16(_mm256_slli_epi16(four, 8), 8);
  const __m256i x_odd = _mm256_srai_epi16(four, 8);
  return acc + (VecI)_mm256_madd_epi16(even, x_even) + (VecI)_mm256_madd_epi16(odd, x_odd);
}

// The same for weights of at most 128: the sum of two products fits into 16 bits.
inline VecI dot4_small(const VecI& acc, const VecI& weights, int32_t x) {
  const __m256i pairs = _mm256_maddubs_epi16((__m256i)weights, _mm256_set1_epi32(x));
  return acc + (VecI)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// acc[lane] += Σ of the lane's two 16-bit numbers times the two of x.
inline VecI dot2(const VecI& acc, const VecI& weights, int32_t x) {
  return acc + (VecI)_mm256_madd_epi16((__m256i)weights, _mm256_set1_epi32(x));
}

constexpr int kPartsTogether = 1;  // of a tile, as many as the registers hold the sums of
// Tiles that a product of few rows reads side by side.
constexpr int kMemoryStreams = 4;

#include "ops/cpu/quantized_body.h"

#include "ops/cpu/quantized_batch_body.h"

#include "ops/cpu/without_tiles_body.h"

#include "ops/cpu/int16_body.h"

#include "ops/cpu/integer_attention_body.h"

#include "ops/cpu/kernels_table.h"

}  // namespace

const Kernels* avx2_kernels() {
  return &kKernels;
}

}  // namespace stapes

#else

namespace stapes {

const Kernels* avx2_kernels() {
  return nullptr;
}

}  // namespace stapes

#endif
