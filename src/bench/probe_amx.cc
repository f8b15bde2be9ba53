// The matrix unit: tiles of 16 rows of 64 bytes (AMX).
#include "bench/probe_kernels.h"
#include "ops/cpu/matrix_unit.h"

#if defined(__x86_64__)

namespace stapes {
namespace {

constexpr int kTiles = 4;  // of sums, more than latency times throughput

// What is in the tiles does not matter.
int64_t int8_dot(int64_t iterations) {
  TileShapes shapes;
  for (int tile = 0; tile < kTiles + 2; ++tile) shapes.set(tile, 16, 64);
  asm volatile("ldtilecfg %0" ::"m"(shapes));
  for (int64_t i = 0; i < iterations; ++i) {
    asm volatile(
        "tdpbssd %tmm5, %tmm4, %tmm0\n\ttdpbssd %tmm5, %tmm4, %tmm1\n\t"
        "tdpbssd %tmm5, %tmm4, %tmm2\n\ttdpbssd %tmm5, %tmm4, %tmm3");
  }
  asm volatile("tilerelease");
  return iterations;
}

}  // namespace

ProbeKernels amx_probe() {
  ProbeKernels kernels = avx512_probe();
  kernels.int8_dot = {"AMX tdpbssd", int8_dot, kTiles * 16 * 16 * 64 * 2};
  return kernels;
}

}  // namespace stapes

#else

namespace stapes {

ProbeKernels amx_probe() {
  return {};
}

}  // namespace stapes

#endif
