// A whole run: the machine, the model, what it does, and what it takes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_run.h"
#include "bench/machine_probe.h"
#include "bench/memory_use.h"
#include "bench/sample_run.h"
#include "bench/synthetic_model.h"

namespace stapes {

struct BenchOptions {
  std::filesystem::path model = {};  // a real one; if empty:
  std::string shape = {};            // of bench_shapes(), made in memory
  StorageTypes types = {};           // of the one made in memory
  BenchPlan plan = {};
  SamplePlan samples = {};  // of a real model
  int threads = 0;          // 0: all cores
};

struct BenchedModel {
  std::string name;  // the shape's, or the path
  bool is_synthetic = false;
  DType type = DType::kF32;  // of the decoder's largest matrices
  DType head_type = DType::kF32;
  int64_t parameters = 0;
  int64_t size_bytes = 0;  // as stored
};

struct BenchReport {
  MachineSpeed machine;
  std::string ops;  // the level of the operations: "avx512", ...
  BenchedModel model;
  std::optional<double> load_ms;         // opening a real model
  std::optional<double> first_token_ms;  // from there to the first logits, of a real model
  std::vector<BenchResult> results;
  std::optional<SampleResult> samples;
  MemoryUse memory;  // at the end; the peak since before the model was opened or made
};

struct BenchObserver {
  std::function<void(const BenchReport&)> on_model;   // machine and model are known, no results yet
  std::function<void(const BenchResult&)> on_result;  // after each case
};

// Throws kUsage (unknown shape, a case that is too long for the model), kUnsupported (what the
// model and the largest case take is more than the free memory; a type that the operations lack),
// and as Model::open.
BenchReport run_bench(const BenchOptions& options, const BenchObserver& observer = {});

}  // namespace stapes
