#include "bench/machine_probe.h"
#include "base/available_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "bench/huge_memory.h"
#include "bench/memory_use.h"
#include "bench/probe_kernels.h"
#include "ops/cpu/matrix_unit.h"

namespace stapes {
namespace {

// Only the levels that this processor has may be called.
std::vector<ProbeKernels> probes_of_this_processor() {
  std::vector<ProbeKernels> probes = {generic_probe()};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    probes.push_back(avx2_probe());
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw"))
    probes.push_back(avx512_probe());
#endif
  return probes;
}

// The result is a fold by exclusive or: a byte that was not read does not show in it.
TEST(ProbeKernels, EveryByteIsRead) {
  HugeMemory memory(2 * kReadRunBytes);
  for (const ProbeKernels& probe : probes_of_this_processor()) {
    for (size_t word = 0; word < kReadRunBytes / 64; ++word) {
      std::ranges::fill(memory.bytes(), std::byte{0});
      const uint64_t mark = 0x0123456789abcdefULL;
      std::memcpy(memory.bytes().data() + word * 64, &mark, sizeof mark);
      EXPECT_EQ(probe.read(memory.bytes().data(), kReadRunBytes), mark) << word;
    }
  }
}

TEST(MachineProbe, EveryFigureIsMeasured) {
  const MachineSpeed machine = probe_machine(2);
  EXPECT_EQ(machine.threads, 2);
  EXPECT_GT(machine.bandwidth_gb_s, 0);
  EXPECT_GT(machine.int8_gop_s, 0);
  EXPECT_GT(machine.f32_gflop_s, 0);
  EXPECT_FALSE(machine.int8_instructions.empty());
  EXPECT_EQ(machine.int8_instructions == "AMX tdpbssd", has_matrix_unit());
}

TEST(MemoryUse, TakenMemoryShowsAndThePeakStaysUntilItIsReset) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const int64_t before = memory_use().rss_bytes;
  {
    HugeMemory memory(static_cast<size_t>(kBytes));
    std::ranges::fill(memory.bytes(), std::byte{1});
    EXPECT_GE(memory_use().rss_bytes, before + kBytes / 2);
  }
  EXPECT_GE(memory_use().peak_rss_bytes, before + kBytes / 2);
  EXPECT_GT(available_memory_bytes(), 0);
}

}  // namespace
}  // namespace stapes
