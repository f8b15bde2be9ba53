// stapes bench: how fast a model runs here, against what this machine can do.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fail.h"
#include "bench/bench_report.h"
#include "bench/synthetic_model_file.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "spec/model_source.h"

namespace stapes::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kGiga = 1e9;

struct BenchFlags {
  std::string model;
  std::string shape;
  std::string type = "q8_0";
  std::string head_type = "q8_0";
  BenchPlan plan{.prefill_tokens = {512},
                 .decode_tokens = 64,
                 .contexts = {128},
                 .batches = {1, 16},
                 .audio_seconds = 30};
  std::string save;
  SamplePlan samples;
  int threads = 0;
  bool json = false;
};

BenchOptions options_of(const BenchFlags& flags, const CLI::App& app) {
  if (flags.model.empty() == flags.shape.empty()) {
    fail(ErrorCode::kUsage, "expected either MODEL or --shape NAME ({})",
         fmt::join(bench_shapes(), ", "));
  }
  for (const char* flag : {"--type", "--head-type", "--save"}) {
    if (flags.shape.empty() && app.count(flag) > 0)
      fail(ErrorCode::kUsage, "{} is for a model made by --shape; {} has types of its own", flag,
           flags.model);
  }
  if (flags.samples.samples > 0 && flags.model.empty()) {
    fail(ErrorCode::kUsage,
         "--samples runs the engine, which needs a MODEL in a file; --save FILE writes one");
  }
  return {.model = flags.model,
          .shape = flags.shape,
          .types = {.decoder = parse_storage_type(flags.type),
                    .head = parse_storage_type(flags.head_type)},
          .plan = flags.plan,
          .samples = flags.samples,
          .threads = flags.threads};
}

// "q4_0": as it is written on the command line.
std::string type_text(DType dtype) {
  std::string text = name(dtype);
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Json to_json(const BenchResult& result) {
  const BenchCase& c = result.bench_case;
  return {{"name", name(c)},
          {"kind", name(c.kind)},
          {"tokens", c.tokens},
          {"context", c.context},
          {"batch", c.batch},
          {"tokens_per_s", result.tokens_per_s},
          {"gb_per_s", result.gb_per_s},
          {"share_of_bandwidth", result.share_of_bandwidth},
          {"share_of_peak", result.share_of_peak},
          {"ms", {{"median", result.ms.median}, {"min", result.ms.min}, {"max", result.ms.max}}}};
}

Json to_json(const SampleResult& result) {
  return {{"samples", result.plan.samples},
          {"tokens", result.plan.tokens},
          {"prompt_tokens", result.prompt_tokens},
          {"prompt_tokens_computed", result.prompt_tokens_computed},
          {"together_tokens_per_s", result.together_tokens_per_s},
          {"separate_tokens_per_s", result.separate_tokens_per_s},
          {"ratio", result.ratio()}};
}

Json to_json(const BenchReport& report) {
  const auto or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json();
  };
  Json results = Json::array();
  for (const BenchResult& result : report.results) results.push_back(to_json(result));
  return {{"machine",
           {{"threads", report.machine.threads},
            {"ops", report.ops},
            {"bandwidth_gb_s", report.machine.bandwidth_gb_s},
            {"int8_gop_s", report.machine.int8_gop_s},
            {"f32_gflop_s", report.machine.f32_gflop_s}}},
          {"model",
           {{"shape", report.model.name},
            {"type", type_text(report.model.type)},
            {"head_type", type_text(report.model.head_type)},
            {"bytes", report.model.size_bytes},
            {"parameters", report.model.parameters}}},
          {"results", results},
          {"memory",
           {{"rss_bytes", report.memory.rss_bytes},
            {"peak_rss_bytes", report.memory.peak_rss_bytes},
            {"large_page_bytes", report.memory.large_page_bytes}}},
          {"samples", report.samples ? to_json(*report.samples) : Json()},
          {"load_ms", or_null(report.load_ms)},
          {"first_token_ms", or_null(report.first_token_ms)}};
}

// "1.54 G", "3.27 M"
std::string count_text(int64_t count) {
  const auto number = static_cast<double>(count);
  return count >= 1'000'000'000 ? fmt::format("{:.2f} G", number / kGiga)
                                : fmt::format("{:.2f} M", number / 1e6);
}

void print_machine_and_model(const BenchReport& report) {
  const MachineSpeed& machine = report.machine;
  const BenchedModel& model = report.model;
  std::string text = fmt::format(
      "machine   {} thread{}: reads {:.1f} GB/s, int8 {:.0f} Gop/s ({}), f32 {:.0f} GFLOP/s ({})\n"
      "model     {}, {} (head {}), {} parameters, {}B, {} operations\n",
      machine.threads, machine.threads == 1 ? "" : "s", machine.bandwidth_gb_s, machine.int8_gop_s,
      machine.int8_instructions, machine.f32_gflop_s, machine.f32_instructions, model.name,
      type_text(model.type), type_text(model.head_type), count_text(model.parameters),
      count_text(model.size_bytes), report.ops);
  if (report.load_ms && report.first_token_ms) {
    text += fmt::format("load      {:.1f} ms, and {:.1f} ms to the first logits\n", *report.load_ms,
                        *report.first_token_ms);
  }
  text += fmt::format("\n  {:<22} {:>9} {:>11} {:>21} {:>7} {:>9} {:>6}\n", "", "tok/s", "ms",
                      "(min .. max)", "GB/s", "bandwidth", "peak");
  write_stdout(text);
}

void print_result(const BenchResult& result) {
  const std::string range = fmt::format("({:.1f} .. {:.1f})", result.ms.min, result.ms.max);
  write_stdout(fmt::format("  {:<22} {:>9.2f} {:>11.1f} {:>21} {:>7.2f} {:>8.1f}% {:>5.1f}%\n",
                           name(result.bench_case), result.tokens_per_s, result.ms.median, range,
                           result.gb_per_s, 100 * result.share_of_bandwidth,
                           100 * result.share_of_peak));
}

void print_memory(const MemoryUse& memory) {
  write_stdout(fmt::format("\nmemory    {}B at the end, {}B of it in large pages; {}B at most\n",
                           count_text(memory.rss_bytes), count_text(memory.large_page_bytes),
                           count_text(memory.peak_rss_bytes)));
}

void print_samples(const SampleResult& result) {
  write_stdout(fmt::format(
      "\n{} samples of {} tokens from a prompt of {} tokens: {:.1f} tok/s; separate runs {:.1f} "
      "tok/s, a ratio of {:.2f}\n{} prompt tokens were computed for all samples\n",
      result.plan.samples, result.plan.tokens, result.prompt_tokens, result.together_tokens_per_s,
      result.separate_tokens_per_s, result.ratio(), result.prompt_tokens_computed));
}

// The small model's vocabulary serves any shape.
int save(const BenchFlags& flags, const BenchOptions& options) {
  const ModelText tokenizer = ModelSource::open(ModelFlag().path()).tokenizer_json();
  ThreadPool pool(flags.threads);
  ProgressBar bar;
  write_synthetic_model(flags.save, flags.shape, options.types, tokenizer.text, pool,
                        [&](uint64_t done, uint64_t total) { bar.show(done, total); });
  return 0;
}

int run(const BenchFlags& flags, const CLI::App& app) {
  const BenchOptions options = options_of(flags, app);
  if (!flags.save.empty()) return save(flags, options);
  if (flags.json) {
    write_stdout_line(to_json(run_bench(options)));
  } else {
    const BenchReport report =
        run_bench(options, {.on_model = print_machine_and_model, .on_result = print_result});
    if (report.samples) print_samples(*report.samples);
    print_memory(report.memory);
  }
  return 0;
}

void add_case_flags(CLI::App& app, BenchPlan& plan) {
  const auto at_most = [](int64_t limit) { return CLI::Range(int64_t{0}, limit).description(""); };
  constexpr int64_t kMostTokens = int64_t{1} << 24;
  app.add_option("--prefill", plan.prefill_tokens, "Read prompts of so many tokens; 0: none")
      ->type_name("N,N")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(at_most(kMostTokens));
  app.add_option("--decode", plan.decode_tokens, "Generate so many tokens; 0: none")
      ->type_name("N")
      ->check(at_most(kMostTokens));
  app.add_option("--context", plan.contexts, "... after so many tokens")
      ->type_name("N,N")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(at_most(kMostTokens));
  app.add_option("--batch", plan.batches,
                 "... in so many sequences together; more than 1 at the shortest context only")
      ->type_name("N,N")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 4096).description(""));
  add_kv_flag(app, plan.kv);
  app.add_option("--audio", plan.audio_seconds, "Hear a clip of so many seconds; 0: none")
      ->type_name("S")
      ->check(CLI::NonNegativeNumber.description(""));
  app.add_option("--repeat", plan.repeat, "Measured repetitions, after a warm-up")
      ->type_name("N")
      ->check(CLI::Range(1, 10000).description(""))
      ->capture_default_str();
}

void add_sample_flags(CLI::App& app, SamplePlan& plan) {
  app.add_option("--samples", plan.samples,
                 "Of a MODEL: also so many answers to one prompt, against as many separate runs")
      ->type_name("N")
      ->check(CLI::Range(0, 256).description(""));
  app.add_option("--sample-prompt", plan.prompt_tokens, "... to a prompt of about so many tokens")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->capture_default_str();
  app.add_option("--sample-tokens", plan.tokens, "... of so many tokens each")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->capture_default_str();
}

}  // namespace

Command add_bench_command(CLI::App& program) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* app = add_subcommand(program, "bench", "MODEL | --shape NAME [FLAGS]",
                                 "Measure how fast a model runs here");
  app->add_option("MODEL", flags->model, "A real model");
  app->add_option("--shape", flags->shape,
                  fmt::format("A model made in memory: {}", fmt::join(bench_shapes(), ", ")))
      ->type_name("NAME");
  app->add_option("--type", flags->type,
                  "How its matrices are stored: f32, f16, bf16, q8_0, q4_0, q4_k, q6_k")
      ->type_name("TYPE")
      ->capture_default_str();
  app->add_option("--head-type", flags->head_type,
                  "How embedding and head are stored beside a quantized type")
      ->type_name("TYPE")
      ->capture_default_str();
  app->add_option("--save", flags->save,
                  "Write that model to a .gguf file, with random weights, instead of measuring it")
      ->type_name("FILE");
  add_case_flags(*app, flags->plan);
  add_sample_flags(*app, flags->samples);
  app->add_option("--threads", flags->threads,
                  "Threads to compute with; 0: one for each core it may use")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""));
  app->add_flag("--json", flags->json, "Print one JSON object");
  app->footer(
      "Shares are of what the machine did in the same run: reading memory, and 8-bit arithmetic "
      "for\n"
      "quantized types, f32 for the others. GB/s count the weights, keys and values that have to "
      "be\n"
      "read. See docs/performance.md.");
  return {app, [flags, app] { return run(*flags, *app); }};
}

}  // namespace stapes::cli
