// stapes-train report: what a run did, as one HTML page.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "cli/train_commands.h"
#include "report/page.h"

namespace stapes::cli {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::vector<fs::path> runs;
  fs::path out;
  std::string title;
  size_t samples = 300;
};

fs::path page_path(const ReportFlags& flags) {
  if (!flags.out.empty()) return flags.out;
  if (flags.runs.size() > 1)
    fail(ErrorCode::kUsage, "several runs were given: say with --out where the page goes");
  return flags.runs.front() / "report.html";
}

int write_report(const ReportFlags& flags) {
  const fs::path out = page_path(flags);
  std::vector<report::RunReport> runs;
  for (const fs::path& folder : flags.runs)
    for (auto& found : report::read_runs(folder, {.most_samples = flags.samples}))
      runs.push_back(std::move(found));
  report::make_names_unique(runs);
  const fs::path page_folder = fs::absolute(out).parent_path();
  write_file_atomically(
      out, report::report_page(runs, {.title = flags.title, .page_folder = page_folder}));
  for (const report::RunReport& found : runs)
    for (const std::string& missing : found.missing)
      fmt::print(stderr, "{}: {}\n", found.name, missing);
  fmt::print("{}\n", out.string());
  return 0;
}

}  // namespace

Command add_train_report_command(CLI::App& program) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* app = add_subcommand(program, "report", "[OPTIONS] RUN...",
                                 "One HTML page of a run, or of several beside each other "
                                 "(docs/training.md)");
  app->add_option("RUN", flags->runs, "Folders of runs")->required();
  app->add_option("--out", flags->out, "The page; of one run RUN/report.html by default");
  app->add_option("--title", flags->title, "Its title, instead of the run's name");
  app->add_option("--samples", flags->samples, "At most so many replies of each run")
      ->capture_default_str();
  return {app, [flags] { return write_report(*flags); }};
}

}  // namespace stapes::cli
