// Vectors of sixteen floats: what the levels with AVX-512 have in common. Included first by their
// kernels_LEVEL.cc, inside the anonymous namespace.

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
