// Vectors of sixteen floats and four 8-bit products a lane at once (Cascade Lake, Zen 4 and later).
#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor (see kernels_body.h).
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

namespace stapes {
namespace {

constexpr char kLevelName[] = "avx512vnni";
constexpr int kLanes = 16;
constexpr int kRowTile = 4;
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec splat(float value) {
  return (Vec)_mm512_set1_ps(value);
}

inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return (Vec)_mm512_fmadd_ps(a, b, c);
}

inline Vec load_f16(const std::byte* p) {
  // The masked form: the plain one reads an undefined register, of which GCC 12 warns.
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return (Vec)_mm512_maskz_cvtph_ps(0xffff, half);
}

inline Vec load_bf16(const std::byte* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return (Vec)_mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, half), 16);
}

#include "ops/cpu/kernels_body.h"

#include "ops/cpu/attention_body.h"

// acc[lane] += Σ of the lane's four unsigned bytes times the four signed bytes of x.
inline VecI dot4(const VecI& acc, const VecI& weights, int32_t x) {
  return (VecI)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)weights, _mm512_set1_epi32(x));
}

// The same for weights of at most 128.
inline VecI dot4_small(const VecI& acc, const VecI& weights, int32_t x) {
  return dot4(acc, weights, x);
}

// acc[lane] += Σ of the lane's two 16-bit numbers times the two of x.
inline VecI dot2(const VecI& acc, const VecI& weights, int32_t x) {
  return (VecI)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)weights, _mm512_set1_epi32(x));
}

constexpr int kPartsTogether = 3;  // of a tile, as many as the registers hold the sums of
// Tiles that a product of few rows reads side by side.
constexpr int kMemoryStreams = 4;

#include "ops/cpu/quantized_body.h"

#include "ops/cpu/quantized_batch_body.h"

#include "ops/cpu/int16_body.h"

#include "ops/cpu/integer_attention_body.h"

#include "ops/cpu/kernels_table.h"

}  // namespace

const Kernels* avx512vnni_kernels() {
  return &kKernels;
}

}  // namespace stapes

#else

namespace stapes {

const Kernels* avx512vnni_kernels() {
  return nullptr;
}

}  // namespace stapes

#endif
