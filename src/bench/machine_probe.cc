#include "bench/machine_probe.h"
#include "base/available_memory.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/huge_memory.h"
#include "bench/memory_use.h"
#include "bench/probe_kernels.h"
#include "ops/cpu/matrix_unit.h"

namespace stapes {
namespace {

// The best pass counts. Passes are about as short as a time slice of the scheduler and there are
// many, so that on a shared machine some of them have all cores to themselves.
constexpr int kPasses = 64;
constexpr size_t kParts = 8;  // of the buffer, one for each pass in turn
constexpr double kShortestPassSeconds = 0.004;

// Runs body(thread) on all threads, which start together; seconds until the last one has ended.
double seconds_together(int threads, const std::function<void(int thread)>& body) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start;
  std::vector<Clock::time_point> ends(static_cast<size_t>(threads));
  std::barrier gate(threads, [&]() noexcept { start = Clock::now(); });
  const auto work = [&](int thread) {
    gate.arrive_and_wait();
    body(thread);
    ends[static_cast<size_t>(thread)] = Clock::now();
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
    work(0);
  }
  return std::chrono::duration<double>(std::ranges::max(ends) - start).count();
}

ProbeKernels kernels_of_this_processor() {
  ProbeKernels kernels = generic_probe();
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels = avx2_probe();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni"))
    kernels = has_matrix_unit() ? amx_probe() : avx512_probe();
#endif
  return kernels;
}

size_t probe_buffer_bytes() {
  constexpr int64_t kSmallest = int64_t{1} << 30;
  const int64_t cache = std::max<int64_t>(::sysconf(_SC_LEVEL3_CACHE_SIZE), 0);
  return static_cast<size_t>(
      std::min(std::max(kSmallest, 4 * cache), available_memory_bytes() / 4));
}

double read_gb_per_second(ReadKernel read, int threads) {
  // Of each part, each thread reads a piece of its own.
  const auto team = static_cast<size_t>(threads);
  const size_t piece = probe_buffer_bytes() / kParts / team / kReadRunBytes * kReadRunBytes;
  // The last run is not read, so that prefetching stays inside.
  HugeMemory memory(piece * team * kParts + kReadRunBytes);
  const auto piece_of = [&](size_t part, int thread) {
    return memory.bytes().subspan((part * team + static_cast<size_t>(thread)) * piece, piece);
  };
  // Each thread touches its own pieces first, so that they lie near it.
  seconds_together(threads, [&](int thread) {
    for (size_t part = 0; part < kParts; ++part)
      std::ranges::fill(piece_of(part, thread), std::byte{1});
  });
  std::atomic<uint64_t> sink = 0;
  double best = 0;
  for (size_t pass = 0; pass < kPasses; ++pass) {
    const double seconds = seconds_together(threads, [&](int thread) {
      const std::span<const std::byte> bytes = piece_of(pass % kParts, thread);
      sink ^= read(bytes.data(), bytes.size());
    });
    best = std::max(best, static_cast<double>(piece * team) / seconds);
  }
  return best * 1e-9;
}

double giga_operations_per_second(const ArithmeticKernel& kernel, int threads) {
  std::atomic<int64_t> sink = 0;
  const auto seconds_of = [&](int64_t iterations) {
    return seconds_together(threads, [&](int) { sink += kernel.run(iterations); });
  };
  int64_t iterations = 1 << 10;
  while (seconds_of(iterations) < kShortestPassSeconds) iterations *= 2;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double operations = static_cast<double>(iterations) *
                              static_cast<double>(kernel.operations_per_iteration) * threads;
    best = std::max(best, operations / seconds_of(iterations));
  }
  return best * 1e-9;
}

}  // namespace

MachineSpeed probe_machine(int threads) {
  STAPES_CHECK(threads > 0);
  const ProbeKernels kernels = kernels_of_this_processor();
  return {.threads = threads,
          .bandwidth_gb_s = read_gb_per_second(kernels.read, threads),
          .int8_gop_s = giga_operations_per_second(kernels.int8_dot, threads),
          .f32_gflop_s = giga_operations_per_second(kernels.f32_fma, threads),
          .int8_instructions = kernels.int8_dot.instructions,
          .f32_instructions = kernels.f32_fma.instructions};
}

}  // namespace stapes
