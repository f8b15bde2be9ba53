#include "bench/bench_report.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/available_memory.h"
#include "base/fail.h"
#include "base/thread_pool.h"
#include "engine/loaded_model.h"
#include "model/model.h"
#include "ops/ops.h"

namespace stapes {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

int64_t stored_bytes(const ModelTensors& tensors) {
  int64_t bytes = 0;
  for (const auto& [tensor, view] : tensors.tensors())
    bytes += static_cast<int64_t>(view.size_bytes());
  return bytes;
}

// Before the machine swaps.
void check_memory(const std::string& model, int64_t model_bytes, int64_t bytes_beside) {
  constexpr double kGigabyte = 1e9;
  const int64_t available = available_memory_bytes();
  if (model_bytes + bytes_beside <= available) return;
  fail(ErrorCode::kUnsupported,
       "{} takes {:.1f} GB and {:.1f} GB beside it for the longest case, but only {:.1f} GB of "
       "memory are free: take a smaller type or shape, or fewer or shorter sequences",
       model, static_cast<double>(model_bytes) / kGigabyte,
       static_cast<double>(bytes_beside) / kGigabyte, static_cast<double>(available) / kGigabyte);
}

BenchedModel describe(const std::string& name, bool is_synthetic, const Model& model) {
  const auto& tensors = model.tensors().tensors();
  return {.name = name,
          .is_synthetic = is_synthetic,
          .type = tensors.at("model.layers.0.mlp.down_proj.weight").dtype,
          .head_type = tensors.at("lm_head.weight").dtype,
          .parameters = parameter_count(tensor_table(model.config())),
          .size_bytes = stored_bytes(model.tensors())};
}

Model make_model(const BenchOptions& options, const ModelConfig& config, const Ops& ops) {
  ThreadPool pool(options.threads);
  return Model::of(config, make_synthetic_tensors(config, options.types, pool), ops);
}

void run_cases(const Model& model, const Ops& ops, const BenchOptions& options,
               const BenchObserver& observer, BenchReport& report) {
  const BenchRun run(model, ops, report.machine,
                     layout_of(model.config().decoder, options.plan.kv));
  if (!report.model.is_synthetic) report.first_token_ms = run.one_token_ms();
  if (observer.on_model) observer.on_model(report);
  for (const BenchCase& bench_case : cases_of(options.plan, model.config())) {
    report.results.push_back(run.run(bench_case, options.plan.repeat));
    if (observer.on_result) observer.on_result(report.results.back());
  }
  report.memory = memory_use();
}

BenchReport bench_file(const BenchOptions& options, const Ops& ops, BenchReport report,
                       const BenchObserver& observer) {
  const Clock::time_point start = Clock::now();
  const Model model = Model::open(options.model, ops);
  report.load_ms = ms_since(start);
  report.model = describe(options.model.string(), false, model);
  const std::vector<BenchCase> cases = cases_of(options.plan, model.config());
  check_memory(report.model.name, report.model.size_bytes,
               working_bytes(cases, layout_of(model.config().decoder, options.plan.kv)));
  run_cases(model, ops, options, observer, report);
  if (options.samples.samples > 0) {
    report.samples = run_samples(
        options.model, {.threads = options.threads, .kv_dtype = options.plan.kv}, options.samples);
    report.memory = memory_use();
  }
  return report;
}

BenchReport bench_shape(const BenchOptions& options, const ModelConfig& config, const Ops& ops,
                        BenchReport report, const BenchObserver& observer) {
  const Model model = make_model(options, config, ops);
  report.model = describe(options.shape, true, model);
  run_cases(model, ops, options, observer, report);
  return report;
}

}  // namespace

BenchReport run_bench(const BenchOptions& options, const BenchObserver& observer) {
  const bool is_synthetic = options.model.empty();
  ModelConfig config;
  if (is_synthetic) {  // all that can be refused is refused before anything takes time
    config = bench_config(options.shape);
    check_memory(
        options.shape, synthetic_model_bytes(config, options.types),
        working_bytes(cases_of(options.plan, config), layout_of(config.decoder, options.plan.kv)));
  }
  BenchReport report;
  report.machine = probe_machine(ThreadPool(options.threads).threads());
  reset_peak_memory();  // the probe's buffer is not the model's
  const std::unique_ptr<const Ops> ops = make_ops(options.threads);
  report.ops = ops->name();
  return is_synthetic ? bench_shape(options, config, *ops, std::move(report), observer)
                      : bench_file(options, *ops, std::move(report), observer);
}

}  // namespace stapes
