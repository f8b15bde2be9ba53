// Throughput of the tokenizer on one core. STAPES_TOKENIZER_JSON names the tokenizer.json
// (Qwen2.5's for the figures in the documents; else the small one of the tests), STAPES_BENCH_TEXT
// a text file.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "base/file.h"
#include "base/rng.h"
#include "text/bpe_merges.h"
#include "text/tokenizer.h"

namespace stapes {
namespace {

std::string path_from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : std::string(STAPES_SOURCE_DIR) + "/" + otherwise;
}

std::string tokenizer_path() {
  return path_from_environment("STAPES_TOKENIZER_JSON", "tests/golden/tokenizer.json");
}

// About 4 MB of the text.
std::string bench_text() {
  const std::string text =
      read_file(path_from_environment("STAPES_BENCH_TEXT", "tests/golden/bpe_corpus.txt"));
  std::string repeated;
  while (repeated.size() < (size_t{4} << 20)) repeated += text;
  return repeated;
}

void count_bytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::load(tokenizer_path()).size());
}
BENCHMARK(load)->Unit(benchmark::kMillisecond);

void encode(benchmark::State& state) {
  const auto tokenizer = Tokenizer::load(tokenizer_path());
  const std::string text = bench_text();
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text).size());
  count_bytes(state, text.size());
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

void encode_plain(benchmark::State& state) {
  const auto tokenizer = Tokenizer::load(tokenizer_path());
  const std::string text = bench_text();
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode_plain(text).size());
  count_bytes(state, text.size());
}
BENCHMARK(encode_plain)->Unit(benchmark::kMillisecond);

void decode(benchmark::State& state) {
  const auto tokenizer = Tokenizer::load(tokenizer_path());
  const std::string text = bench_text();
  const auto ids = tokenizer.encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids).size());
  count_bytes(state, text.size());
}
BENCHMARK(decode)->Unit(benchmark::kMillisecond);

// Scan against heap by the length of the piece: where apply() should change over.
template <void (BpeMerges::*kApply)(std::vector<int32_t>&) const>
void merge(benchmark::State& state) {
  BpeMerges merges(256);
  for (int32_t i = 0; i < 256; ++i) merges.add(i % 16, i / 16, {i, i % 16});
  Rng rng(1);
  std::vector<int32_t> ids(static_cast<size_t>(state.range(0)));
  for (int32_t& id : ids) id = static_cast<int32_t>(rng.integer(0, 15));
  for (auto _ : state) {
    std::vector<int32_t> piece = ids;
    (merges.*kApply)(piece);
    benchmark::DoNotOptimize(piece.data());
  }
}
BENCHMARK(merge<&BpeMerges::apply_by_scan>)->RangeMultiplier(2)->Range(4, 512);
BENCHMARK(merge<&BpeMerges::apply_by_heap>)->RangeMultiplier(2)->Range(4, 512);

}  // namespace
}  // namespace stapes

BENCHMARK_MAIN();
