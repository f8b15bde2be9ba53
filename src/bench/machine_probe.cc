#include "bench/machine_probe.h"
#include "base/available_memory.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/huge_memory.h"
#include "bench/memory_use.h"
#include "bench/probe_kernels.h"

namespace stapes {
namespace {

constexpr int kPasses = 8;  // of which the best counts
constexpr double kShortestPassSeconds = 0.01;

// Runs body(thread) on all threads, which start together; seconds until the last one has ended.
double seconds_together(int threads, const std::function<void(int thread)>& body) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start;
  std::barrier gate(threads, [&]() noexcept { start = Clock::now(); });
  std::vector<std::jthread> others;
  const auto work = [&](int thread) {
    gate.arrive_and_wait();
    body(thread);
  };
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::jthread& other : others) other.join();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

ProbeKernels kernels_of_this_processor() {
  ProbeKernels kernels = generic_probe();
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels = avx2_probe();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni"))
    kernels = avx512_probe();
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
  // The last run is not read, so that prefetching stays inside.
  const size_t share =
      probe_buffer_bytes() / static_cast<size_t>(threads) / kReadRunBytes * kReadRunBytes;
  HugeMemory memory(share * static_cast<size_t>(threads) + kReadRunBytes);
  const auto slice = [&](int thread) {
    return memory.bytes().subspan(static_cast<size_t>(thread) * share, share);
  };
  // Each thread touches its own part first, so that the part lies near it.
  seconds_together(threads, [&](int thread) {
    std::memset(slice(thread).data(), thread + 1, slice(thread).size());
  });
  std::atomic<uint64_t> sink = 0;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double seconds = seconds_together(
        threads, [&](int thread) { sink ^= read(slice(thread).data(), slice(thread).size()); });
    best = std::max(best, static_cast<double>(share) * threads / seconds);
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
