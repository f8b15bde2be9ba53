// Loops that do nothing but what one unit of the processor does fastest. Each level of vectors has
// a file of its own (as the kernels of ops/cpu/), compiled for that level and called only where the
// processor has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stapes {

// A core brings more from memory where it follows several streams, each asked for ahead of time.
inline constexpr size_t kReadStreams = 4;
inline constexpr size_t kReadAheadBytes = 2048;  // also read (but not used) beyond the end
// What is read is a multiple of this.
inline constexpr size_t kReadRunBytes = kReadStreams * 4096;

// Reads size_bytes (whole runs, aligned to 64 bytes) once: kReadStreams equal parts side by side,
// each in order. The result only keeps the reads alive.
using ReadKernel = uint64_t (*)(const std::byte* data, size_t size_bytes);

// Multiplies and adds in registers, in chains that don't wait for each other.
struct ArithmeticKernel {
  const char* instructions;
  // The result only keeps the arithmetic alive.
  int64_t (*run)(int64_t iterations);
  int64_t operations_per_iteration;  // a multiplication and an addition are two
};

// Null where this build has no such level.
struct ProbeKernels {
  ReadKernel read = nullptr;
  ArithmeticKernel f32_fma = {};
  ArithmeticKernel int8_dot = {};
};
ProbeKernels generic_probe();
ProbeKernels avx2_probe();
ProbeKernels avx512_probe();  // int8_dot needs AVX-512 VNNI
ProbeKernels amx_probe();     // the same but for int8_dot, which needs has_matrix_unit()

}  // namespace stapes
