// Vectors of four floats, which every 64-bit processor that we know of has (SSE2, NEON).
#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"

namespace stapes {
namespace {

constexpr char kLevelName[] = "generic";
constexpr int kLanes = 4;
constexpr int kRowTile = 2;
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec splat(float value) {
  return Vec{value, value, value, value};
}

inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return a * b + c;
}

using Half = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));
using Word = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Word load_halves(const std::byte* p) {
  Half half;
  std::memcpy(&half, p, sizeof(half));
  return __builtin_convertvector(half, Word);
}

// The f16 bits moved to f32's places are the value · 2^-112, small numbers included; infinity and
// NaN get f32's largest exponent.
inline Vec load_f16(const std::byte* p) {
  const Word bits = load_halves(p);
  const Word magnitude = (bits & 0x7fff) << 13;
  Vec value;
  std::memcpy(&value, &magnitude, sizeof(value));
  value *= 0x1p112F;
  Word result;
  std::memcpy(&result, &value, sizeof(result));
  result |= (bits & 0x7c00) == 0x7c00 ? (Word{} + 0x7f800000) : Word{};
  result |= (bits & 0x8000) << 16;
  std::memcpy(&value, &result, sizeof(value));
  return value;
}

inline Vec load_bf16(const std::byte* p) {
  const Word bits = load_halves(p) << 16;
  Vec value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

#include "ops/cpu/kernels_body.h"

#include "ops/cpu/attention_body.h"

// acc[lane] += Σ of the lane's four unsigned bytes times the four signed bytes of x.
inline VecI dot4(VecI acc, const VecI& weights, int32_t x) {
  for (int byte = 0; byte < 4; ++byte)
    acc += ((weights >> (8 * byte)) & 0xff) * static_cast<int8_t>(x >> (8 * byte));
  return acc;
}

// The same for weights of at most 128.
inline VecI dot4_small(const VecI& acc, const VecI& weights, int32_t x) {
  return dot4(acc, weights, x);
}

// acc[lane] += Σ of the lane's two 16-bit numbers times the two of x.
inline VecI dot2(const VecI& acc, const VecI& weights, int32_t x) {
  return acc + ((weights << 16) >> 16) * static_cast<int16_t>(x) + (weights >> 16) * (x >> 16);
}

constexpr int kPartsTogether = 1;  // of a tile, as many as the registers hold the sums of
// Tiles that a product of few rows reads side by side.
constexpr int kMemoryStreams = 1;

#include "ops/cpu/quantized_body.h"

#include "ops/cpu/quantized_batch_body.h"

#include "ops/cpu/without_tiles_body.h"

#include "ops/cpu/int16_body.h"

#include "ops/cpu/integer_attention_body.h"

#include "ops/cpu/kernels_table.h"

}  // namespace

const Kernels* generic_kernels() {
  return &kKernels;
}

}  // namespace stapes
