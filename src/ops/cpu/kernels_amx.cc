// Vectors as in kernels_avx512vnni.cc, and tiles of 8-bit products (AMX: Sapphire Rapids and
// later).
#include <cmath>
#include <cstring>

#include "ops/cpu/kernels.h"
#include "ops/cpu/matrix_unit.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on: the headers above are compiled for any processor (see kernels_body.h).
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

namespace stapes {
namespace {

constexpr char kLevelName[] = "amx";

#include "ops/cpu/avx512_vectors_body.h"

#include "ops/cpu/kernels_body.h"

#include "ops/cpu/attention_body.h"

#include "ops/cpu/vnni_body.h"

constexpr int kPartsTogether = 3;  // of a tile, as many as the registers hold the sums of
// Tiles that a product of few rows reads side by side.
constexpr int kMemoryStreams = 4;

#include "ops/cpu/quantized_body.h"

#include "ops/cpu/quantized_batch_body.h"

#include "ops/cpu/tile_body.h"

#include "ops/cpu/int16_body.h"

#include "ops/cpu/integer_attention_body.h"

#include "ops/cpu/kernels_table.h"

}  // namespace

const Kernels* amx_kernels() {
  return &kKernels;
}

}  // namespace stapes

#else

namespace stapes {

const Kernels* amx_kernels() {
  return nullptr;
}

}  // namespace stapes

#endif
