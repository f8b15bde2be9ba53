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

inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return (Vec)_mm256_fmadd_ps(a, b, c);
}

inline Vec load_f16(const std::byte* p) {
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

#include "ops/cpu/kernels_body.h"

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
