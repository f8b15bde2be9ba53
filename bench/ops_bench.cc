// Single operations at every level of vectors that this processor has, on the shapes of
// ops/testing/op_cases.h. STAPES_BENCH_THREADS: threads to compute with (else all cores).
//   ops_bench --benchmark_filter='linear/avx512.*/Q4_0/.*/1/'
// Names: linear/LEVEL/TYPE/MATRIX/ROWS/real_time, attention_paged/LEVEL/TYPE/CASE/real_time, and
// operation/LEVEL/CASE/real_time for the others.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "bench/huge_memory.h"
#include "bench/random_fill.h"
#include "bench/synthetic_context.h"
#include "ops/ops.h"
#include "ops/testing/op_cases.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using testing::BidirectionalAttentionCase;
using testing::LinearCase;
using testing::PagedAttentionCase;
using testing::RowwiseCase;

int threads_from_environment() {
  const char* value = std::getenv("STAPES_BENCH_THREADS");
  return value != nullptr ? std::atoi(value) : 0;
}

std::vector<float> random_values(int64_t count) {
  Rng rng(1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

// Bytes that are read and operations that are done in one call, as rates.
void count(benchmark::State& state, int64_t bytes, int64_t operations) {
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["ops"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(operations),
                         benchmark::Counter::kIsRate);
}

// The same matrix many times over, each time at another place: a model's weights come from memory,
// and one matrix alone would stay in the cache.
class WeightRing {
 public:
  WeightRing(DType dtype, const LinearCase& shape)
      : view_{.dtype = dtype, .shape = {shape.outputs, shape.inputs}},
        copies_(kRingBytes / view_.size_bytes() + 1),
        memory_(copies_ * view_.size_bytes()) {
    ThreadPool pool;
    fill_random(dtype, 0.02, 1, pool, memory_.bytes());
  }

  const TensorView& next() {
    view_.data = memory_.bytes().data() + (next_++ % copies_) * view_.size_bytes();
    return view_;
  }
  bool is(DType dtype, const LinearCase& shape) const {
    return view_.dtype == dtype && view_.shape == Shape{shape.outputs, shape.inputs};
  }

 private:
  static constexpr size_t kRingBytes = size_t{1} << 30;  // more than any cache
  TensorView view_;
  size_t copies_;
  HugeMemory memory_;
  size_t next_ = 0;
};

// What several benchmarks share, because it takes time to make.
class Bench {
 public:
  const Ops& ops(OpsLevel level) {
    auto& table = tables_[level];
    if (!table) table = make_ops(level, threads_from_environment());
    return *table;
  }
  WeightRing& ring(DType dtype, const LinearCase& shape) {
    if (!ring_ || !ring_->is(dtype, shape)) {
      ring_.reset();  // first: two of them may not fit
      ring_ = std::make_unique<WeightRing>(dtype, shape);
    }
    return *ring_;
  }
  bool computes_with(OpsLevel level, DType dtype) {
    const std::vector<std::byte> tile(64);
    try {
      ops(level).place_weight({.dtype = dtype, .shape = {16, 256}, .data = tile.data()});
      return true;
    } catch (const Error&) {
      return false;
    }
  }

 private:
  std::map<OpsLevel, std::unique_ptr<Ops>> tables_;
  std::unique_ptr<WeightRing> ring_;
};

void linear(benchmark::State& state, const Ops& ops, WeightRing& ring, int64_t rows) {
  const TensorView first = ring.next();
  const std::vector<float> x = random_values(rows * first.shape[1]);
  std::vector<float> y(static_cast<size_t>(rows * first.shape[0]));
  for (auto _ : state) {
    ops.linear({.x = x, .weight = ring.next(), .bias = {}, .y = y});
    benchmark::DoNotOptimize(y.data());
  }
  count(state, static_cast<int64_t>(first.size_bytes()), 2 * rows * first.element_count());
}

// Layers take turns, so that a long context comes from memory.
void attention_paged(benchmark::State& state, const Ops& ops, DType dtype,
                     const PagedAttentionCase& c) {
  const KvLayout layout{
      .layers = 24, .kv_heads = c.kv_heads, .head_width = c.head_width, .dtype = dtype};
  const SyntheticContext context(ops, layout, c.sequences, c.context + c.rows, c.context + c.rows);
  std::vector<KvView> views;
  for (int64_t i = 0; i < c.sequences; ++i) views.push_back(context.view(i));
  std::vector<std::vector<RaggedSequence>> layers(static_cast<size_t>(layout.layers));
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (int64_t i = 0; i < c.sequences; ++i) {
      layers[layer].push_back(
          {.first_row = i * c.rows,
           .rows = c.rows,
           .start_position = c.context,
           .kv = views[static_cast<size_t>(i)].layer(static_cast<int64_t>(layer))});
    }
  }
  const std::vector<float> q = random_values(c.sequences * c.rows * c.heads * c.head_width);
  std::vector<float> y(q.size());
  size_t next_layer = 0;
  for (auto _ : state) {
    ops.attention_paged({.q = q,
                         .sequences = layers[next_layer++ % layers.size()],
                         .heads = c.heads,
                         .kv_heads = c.kv_heads,
                         .head_width = c.head_width,
                         .y = y});
    benchmark::DoNotOptimize(y.data());
  }
  const int64_t visible = c.rows * c.context + c.rows * (c.rows + 1) / 2;
  count(state,
        SyntheticContext::size_bytes(layout, c.sequences, c.context + c.rows) / layout.layers,
        c.sequences * 4 * c.heads * c.head_width * visible);
}

void attention_bidirectional(benchmark::State& state, const Ops& ops,
                             const BidirectionalAttentionCase& c) {
  const int64_t values = c.frames * c.heads * c.head_width;
  const std::vector<float> q = random_values(values);
  std::vector<float> y(q.size());
  for (auto _ : state) {
    ops.attention_bidirectional({.q = q,
                                 .k = q,
                                 .v = q,
                                 .heads = c.heads,
                                 .frames = c.frames,
                                 .valid_keys = c.frames,
                                 .y = y});
    benchmark::DoNotOptimize(y.data());
  }
  count(state, 3 * values * static_cast<int64_t>(sizeof(float)), 4 * values * c.frames);
}

// An operation that turns rows [R, D] into rows of the same shape. It reads `inputs` of them.
using RowwiseCall = void (*)(const Ops& ops, std::span<const float> x, const TensorView& weight,
                             std::span<float> y);
struct RowwiseOp {
  const char* name;
  int64_t inputs;
  RowwiseCall call;
};
constexpr RowwiseOp kRowwiseOps[] = {
    {"rms_norm", 1,
     [](const Ops& ops, std::span<const float> x, const TensorView& weight, std::span<float> y) {
       ops.rms_norm({.x = x, .weight = weight, .y = y});
     }},
    {"layer_norm", 1,
     [](const Ops& ops, std::span<const float> x, const TensorView& weight, std::span<float> y) {
       ops.layer_norm({.x = x, .weight = weight, .bias = weight, .y = y});
     }},
    {"softmax", 1,
     [](const Ops& ops, std::span<const float> x, const TensorView& weight, std::span<float> y) {
       ops.softmax({.x = x, .y = y, .columns = weight.shape[0]});
     }},
    {"gelu_erf", 1,
     [](const Ops& ops, std::span<const float> x, const TensorView&, std::span<float> y) {
       ops.gelu_erf({.x = x, .y = y});
     }},
    {"silu_mul", 2,
     [](const Ops& ops, std::span<const float> x, const TensorView&, std::span<float> y) {
       ops.silu_mul({.gate = x, .up = x, .y = y});
     }},
    {"add", 2, [](const Ops& ops, std::span<const float> x, const TensorView&, std::span<float> y) {
       ops.add({.a = x, .b = x, .y = y});
     }}};

void rowwise(benchmark::State& state, const Ops& ops, const RowwiseOp& op, const RowwiseCase& c) {
  const std::vector<float> x = random_values(c.rows * c.width);
  const std::vector<float> ones(static_cast<size_t>(c.width), 1.0F);
  const TensorView weight{.dtype = DType::kF32,
                          .shape = {c.width},
                          .data = reinterpret_cast<const std::byte*>(ones.data())};
  std::vector<float> y(x.size());
  for (auto _ : state) {
    op.call(ops, x, weight, y);
    benchmark::DoNotOptimize(y.data());
  }
  const int64_t values = state.iterations() * c.rows * c.width;
  state.SetItemsProcessed(values);
  state.SetBytesProcessed(op.inputs * values * static_cast<int64_t>(sizeof(float)));
}

// The operations have threads of their own, so wall time is what counts.
template <typename Body>
void add(const std::string& name, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(body))
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

void add_linears(Bench& bench, OpsLevel level) {
  for (const DType dtype : testing::kWeightTypes) {
    if (!bench.computes_with(level, dtype)) continue;
    for (const LinearCase& c : testing::kLinearCases) {
      for (const int64_t rows : testing::kLinearRows) {
        add(fmt::format("linear/{}/{}/{}/{}", name(level), name(dtype), c.name, rows),
            [&bench, level, dtype, c, rows](benchmark::State& state) {
              linear(state, bench.ops(level), bench.ring(dtype, c), rows);
            });
      }
    }
  }
}

void add_others(Bench& bench, OpsLevel level) {
  for (const PagedAttentionCase& c : testing::kPagedAttentionCases) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kI8}) {
      add(fmt::format("attention_paged/{}/{}/{}", name(level), name(dtype), c.name),
          [&bench, level, dtype, c](benchmark::State& state) {
            attention_paged(state, bench.ops(level), dtype, c);
          });
    }
  }
  for (const BidirectionalAttentionCase& c : testing::kBidirectionalAttentionCases) {
    add(fmt::format("attention_bidirectional/{}/{}", name(level), c.name),
        [&bench, level, c](benchmark::State& state) {
          attention_bidirectional(state, bench.ops(level), c);
        });
  }
  for (const RowwiseOp& op : kRowwiseOps) {
    for (const RowwiseCase& c : testing::kRowwiseCases) {
      add(fmt::format("{}/{}/{}", op.name, name(level), c.name),
          [&bench, level, op, c](benchmark::State& state) {
            rowwise(state, bench.ops(level), op, c);
          });
    }
  }
}

}  // namespace
}  // namespace stapes

int main(int argc, char** argv) {
  stapes::Bench bench;
  for (const stapes::OpsLevel level : stapes::supported_ops_levels()) {
    if (level == stapes::OpsLevel::kReference) continue;  // the truth, not a competitor
    stapes::add_linears(bench, level);
    stapes::add_others(bench, level);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
