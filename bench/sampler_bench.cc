// Choosing a token among Qwen2.5's 151,936, on one core.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/rng.h"
#include "engine/sampler.h"

namespace stapes {
namespace {

void choose(benchmark::State& state, SamplingOptions options) {
  constexpr size_t kVocabulary = 151936;
  Rng rng(1);
  std::vector<float> logits(kVocabulary);
  for (float& logit : logits) logit = static_cast<float>(3 * rng.normal());
  const Sampler sampler(options, kVocabulary);
  int64_t position = 0;
  std::vector<float> scratch;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(logits, position++, scratch));
}

BENCHMARK_CAPTURE(choose, most_likely, {.temperature = 0})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose, all, {.temperature = 1})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose, min_p, {.temperature = 1, .min_p = 0.05})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose, top_k, {.temperature = 1, .top_k = 50})->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(choose, top_p, {.temperature = 0.7, .top_p = 0.9})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace stapes

BENCHMARK_MAIN();
