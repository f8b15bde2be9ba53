// stapes quantize: a model, written anew as one GGUF file.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>

#include "base/fail.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/quantize_report.h"
#include "convert/quantize_model.h"

namespace stapes::cli {
namespace fs = std::filesystem;
namespace {

struct Flags {
  std::string model;
  std::string file;
  std::string report_file;
  QuantizeOptions options;
  bool force = false;
};

void check_can_be_written(const fs::path& path, bool force) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  if (!fs::is_regular_file(path, error))
    fail(ErrorCode::kUsage, "expected the name of a file to write, but {} is something else",
         path.string());
  if (!force) fail(ErrorCode::kUsage, "{} exists already (--force replaces it)", path.string());
}

// Before the work, and not after it.
void check_report_name(const fs::path& path) {
  if (path.empty() || path.extension() == ".json" || path.extension() == ".csv") return;
  fail(ErrorCode::kUsage, "expected --report FILE.json or FILE.csv, got {}", path.string());
}

int run_quantize(const Flags& flags) {
  check_report_name(flags.report_file);
  check_can_be_written(flags.file, flags.force);
  const ModelSource model = ModelSource::open(flags.model);
  QuantizeReport report;
  {
    const InterruptGuard interrupt;
    ProgressBar bar;
    report = quantize_model(model, flags.file, flags.options, [&](uint64_t done, uint64_t total) {
      bar.show(done, total);
      return !interrupt.interrupted();
    });
  }
  if (!flags.report_file.empty())
    write_file_atomically(flags.report_file, flags.report_file.ends_with(".csv")
                                                 ? to_csv(report)
                                                 : cli::to_json(report));
  write_stdout(cli::to_text(report));
  return 0;
}

}  // namespace

Command add_quantize_command(CLI::App& program) {
  const std::map<std::string, DType> types = {{"q8_0", DType::kQ8_0}, {"q4_0", DType::kQ4_0},
                                              {"q4_k", DType::kQ4_K}, {"f16", DType::kF16},
                                              {"bf16", DType::kBF16}, {"f32", DType::kF32}};
  auto flags = std::make_shared<Flags>();
  CLI::App* app = add_subcommand(program, "quantize", "MODEL OUT.gguf --type TYPE [OPTIONS]",
                                 "Write a model anew as one GGUF file, smaller");
  app->add_option("MODEL", flags->model, "Model folder in the Hugging Face layout, or a .gguf file")
      ->required();
  app->add_option("OUT", flags->file, "The file to write")->required();
  app->add_option("--type", flags->options.type,
                  "What the decoder's matrices become: q8_0, q4_0, q4_k, f16, bf16 or f32")
      ->required()
      ->type_name("TYPE")
      ->transform(CLI::CheckedTransformer(types, CLI::ignore_case).description(""));
  app->add_option("--report", flags->report_file,
                  "Write the error of every tensor to FILE.json or FILE.csv")
      ->type_name("FILE");
  app->add_option("--threads", flags->options.threads,
                  "Threads to compute with; 0: one for each core it may use")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
  app->add_flag("--force", flags->force, "Replace a file that exists");
  app->footer(
      "With a quantized type the audio tower and the adaptor get 8 bits, the embedding and the "
      "head\n"
      "6 or 8. `error` is the root of the mean squared error over that of the weights.");
  return {app, [flags] { return run_quantize(*flags); }};
}

}  // namespace stapes::cli
