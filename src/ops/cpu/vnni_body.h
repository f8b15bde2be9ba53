// Four 8-bit products a lane at once, on vectors of sixteen lanes: what the levels with AVX-512
// VNNI have in common. Included by their kernels_LEVEL.cc after kernels_body.h.

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
