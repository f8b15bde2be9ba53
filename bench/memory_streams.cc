// How much memory one core, or each of two, reads in several streams at once, with every line asked
// for ahead of time: what the kernels of few rows (src/ops/cpu) and the probe of stapes bench rest
// on. Arguments: bytes ahead (0: nothing is asked for), 1 for large pages.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/huge_memory.h"

namespace stapes {
namespace {

constexpr size_t kLineBytes = 64;
using Word = uint64_t __attribute__((vector_size(16)));
constexpr size_t kBytesOfThread = size_t{512} << 20;  // far more than the caches hold
constexpr size_t kPassBytes = kBytesOfThread / 8;     // of one pass: some milliseconds

// Parts of equal size side by side, each in order. Every byte is looked at, as products do: a core
// that looked at one word of each line would see many more lines ahead by itself.
template <size_t kStreams>
uint64_t read(const std::byte* data, size_t bytes_ahead) {
  constexpr size_t kStreamBytes = kPassBytes / kStreams;
  constexpr size_t kWords = kLineBytes / sizeof(Word);
  Word sums[kStreams] = {};
  for (size_t i = 0; i < kStreamBytes; i += kLineBytes) {
#pragma GCC unroll 8
    for (size_t j = 0; j < kStreams; ++j) {
      const std::byte* line = data + j * kStreamBytes + i;
      if (bytes_ahead > 0) __builtin_prefetch(line + bytes_ahead);
#pragma GCC unroll 8
      for (size_t word = 0; word < kWords; ++word)
        sums[j] ^= reinterpret_cast<const Word*>(line)[word];
    }
  }
  Word sum{};
  for (const Word& of_stream : sums) sum ^= of_stream;
  return sum[0] ^ sum[1];
}

// Written once, so that it is there; prefetching may go beyond what is read.
HugeMemory memory_of_thread(bool large_pages) {
  HugeMemory memory(kBytesOfThread + (size_t{1} << 16));
  const std::span<std::byte> bytes = memory.bytes();
  if (!large_pages) ::madvise(bytes.data(), bytes.size(), MADV_NOHUGEPAGE);
  for (size_t i = 0; i < bytes.size(); i += kLineBytes) bytes[i] = std::byte{1};
  return memory;
}

template <size_t kStreams>
void read_streams(benchmark::State& state) {
  const HugeMemory memory = memory_of_thread(state.range(1) != 0);
  const auto bytes_ahead = static_cast<size_t>(state.range(0));
  size_t pass = 0;
  for (auto _ : state) {
    const std::byte* part = memory.bytes().data() + pass++ % 8 * kPassBytes;
    benchmark::DoNotOptimize(read<kStreams>(part, bytes_ahead));
  }
  state.SetBytesProcessed(static_cast<int64_t>(pass * kPassBytes));
}

void arguments(benchmark::internal::Benchmark* b) {
  b->ArgNames({"ahead", "large_pages"})->ArgsProduct({{0, 1024, 2048, 4096}, {0, 1}});
  b->ThreadRange(1, 2)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(read_streams<1>)->Apply(arguments);
BENCHMARK(read_streams<2>)->Apply(arguments);
BENCHMARK(read_streams<4>)->Apply(arguments);
BENCHMARK(read_streams<8>)->Apply(arguments);

}  // namespace
}  // namespace stapes

BENCHMARK_MAIN();
