#include "report/run_folder.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "report/event_times.h"
#include "report/json_fields.h"

namespace stapes::report {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostTextBytes = size_t{1} << 20;
constexpr size_t kMostCsvBytes = size_t{1} << 28;

// Of `sft`, of `rl`, of both, and of `mgrd` by round.
constexpr std::array kLogs = {"train", "metrics", "test", "evaluation", "evaluation-sft"};

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// In the order of the folder's names; nothing where it cannot be read.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory(error) && !entry.is_symlink(error)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

// One run's folder, part by part; what a part does not find or cannot read goes to `missing`.
class FolderReader {
 public:
  FolderReader(const fs::path& folder, std::string name, const ReadOptions& options)
      : folder_(folder), options_(options) {
    run_.folder = folder;
    run_.name = std::move(name);
  }

  RunReport read() {
    read_recipe();
    for (const char* log : kLogs) read_log(log);
    read_completions();
    read_selection();
    read_manifest();
    run_.grounding = read_grounding(folder_, options_.most_examples);
    for (const auto& complaint : run_.grounding.complaints) miss(complaint);
    read_checkpoints();
    run_.working_time_s = working_time_s(folder_);
    if (run_.stage.empty()) run_.stage = stage_by_files();
    say_what_is_missing();
    return std::move(run_);
  }

 private:
  void miss(std::string what) { run_.missing.push_back(std::move(what)); }

  // The file's text; nothing, and a word in `missing`, where it cannot be read.
  std::optional<std::string> text_of(const char* name, size_t most_bytes) {
    if (!is_file(folder_ / name)) return std::nullopt;
    try {
      return read_file(folder_ / name, most_bytes);
    } catch (const Error& error) {
      miss(fmt::format("{}.", error.what()));
      return std::nullopt;
    }
  }

  void read_recipe() {
    const auto text = text_of("recipe.toml", kMostTextBytes);
    if (!text) return;
    run_.recipe = *text;
    try {
      const toml::table recipe = toml::parse(*text);
      run_.title = recipe["name"].value_or(std::string());
      for (const auto& steps :
           {recipe["run"]["iterations"], recipe["optimizer"]["steps"], recipe["run"]["steps"]})
        if (run_.wanted_steps == 0) run_.wanted_steps = steps.value_or(int64_t{0});
    } catch (const toml::parse_error& error) {
      miss(fmt::format("recipe.toml is no TOML: {}.", error.description()));
    }
  }

  void read_log(const std::string& name) {
    const auto text = text_of((name + ".csv").c_str(), kMostCsvBytes);
    if (!text) return;
    Table table = parse_csv(*text);
    for (const auto& complaint : table.complaints)
      miss(fmt::format("{}.csv: {}.", name, complaint));
    if (table.empty() && table.complaints.empty())
      miss(fmt::format("{}.csv has no row yet.", name));
    if (table.empty()) return;
    run_.last_step = std::max(run_.last_step, table.steps.back());
    run_.logs.push_back({name, thin(table, options_.most_rows)});
  }

  void read_completions() {
    if (!is_file(folder_ / "completions.jsonl")) return;
    try {
      run_.samples = read_samples(folder_ / "completions.jsonl", options_.most_samples);
    } catch (const Error& error) {
      miss(fmt::format("{}.", error.what()));
    }
    for (const auto& complaint : run_.samples.complaints)
      miss(fmt::format("completions.jsonl: {}.", complaint));
    if (run_.samples.in_file == 0 && run_.samples.complaints.empty())
      miss("completions.jsonl has no reply yet.");
  }

  void read_selection() {
    const auto text = text_of("selection.json", kMostTextBytes << 6);
    if (!text) return;
    const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    SelectionHistogram histogram;
    if (json.is_object() && json.contains("histogram") && json["histogram"].is_array())
      for (const auto& count : json["histogram"])
        histogram.prompts_by_right.push_back(count.is_number_integer() ? count.get<int64_t>() : 0);
    if (histogram.prompts_by_right.empty()) {
      miss("selection.json has no histogram.");
      return;
    }
    if (json.contains("kept"))
      histogram.kept = json["kept"].is_array() ? static_cast<int64_t>(json["kept"].size())
                                               : integer_field(json, "kept");
    run_.selection = std::move(histogram);
  }

  void read_manifest() {
    const auto text = text_of("manifest.json", kMostTextBytes);
    if (!text) return;
    const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
      miss("manifest.json is no JSON.");
      return;
    }
    run_.manifest = json.dump(2, ' ', false, Json::error_handler_t::replace);
    if (run_.stage.empty()) run_.stage = text_field(json, "stage");
  }

  void read_checkpoints() {
    fs::path latest;
    for (const fs::path& folder : folders_in(folder_ / "checkpoints")) {
      const std::string name = folder.filename().string();
      if (!name.starts_with("step-") || name.find('.') != std::string::npos) continue;
      ++run_.checkpoints;
      latest = folder;
    }
    if (latest.empty() || !is_file(latest / "state.json")) return;
    try {
      const Json state = Json::parse(read_file(latest / "state.json", kMostTextBytes << 6), nullptr,
                                     /*allow_exceptions=*/false);
      const std::string stage = text_field(state, "stage");
      if (!stage.empty()) run_.stage = stage;
    } catch (const Error&) {
      // The report does without it.
    }
  }

  std::string stage_by_files() const {
    const auto has_log = [&](const char* name) {
      return std::ranges::find(run_.logs, name, &RunLog::name) != run_.logs.end();
    };
    if (!run_.grounding.empty()) return "mgrd";
    if (has_log("metrics")) return "rl";
    return has_log("train") ? "sft" : "";
  }

  void say_what_is_missing() {
    if (run_.recipe.empty()) miss("There is no recipe.toml: how the run was made is not known.");
    if (run_.stage != "mgrd" && run_.logs.empty())
      miss("No numbers yet: neither train.csv nor metrics.csv has a row.");
    else if (run_.stage != "mgrd" &&
             std::ranges::find(run_.logs, "test", &RunLog::name) == run_.logs.end())
      miss("No evaluation yet: test.csv has no row.");
    if (run_.wanted_steps > 0 && !run_.logs.empty() &&
        run_.last_step < static_cast<double>(run_.wanted_steps))
      miss(fmt::format("Not at its end: step {} of {}.", run_.last_step, run_.wanted_steps));
  }

  fs::path folder_;
  ReadOptions options_;
  RunReport run_;
};

void read_below(const fs::path& folder, const std::string& name, const ReadOptions& options,
                int depth, std::vector<RunReport>& runs) {
  if (is_run_folder(folder)) runs.push_back(FolderReader(folder, name, options).read());
  constexpr int kDeepest = 3;
  if (depth == kDeepest) return;
  for (const fs::path& below : folders_in(folder)) {
    const std::string part = below.filename().string();
    if (part == "checkpoints" || part == "tensorboard") continue;
    read_below(below, name + "/" + part, options, depth + 1, runs);
  }
}

std::string name_of(const fs::path& folder) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(folder, error);
  if (error) whole = folder;
  return whole.filename().empty() ? whole.string() : whole.filename().string();
}

}  // namespace

bool is_run_folder(const fs::path& folder) {
  for (const char* file : {"recipe.toml", "train.csv", "metrics.csv", "test.csv",
                           "completions.jsonl", "manifest.json"})
    if (is_file(folder / file)) return true;
  std::error_code error;
  return fs::is_directory(folder / "round-1", error);
}

std::vector<RunReport> read_runs(const fs::path& folder, const ReadOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) fail(ErrorCode::kNotFound, "no such folder: {}", folder.string());
  if (!fs::is_directory(status))
    fail(ErrorCode::kInvalidData, "{} is a file, expected the folder of a run", folder.string());
  std::vector<RunReport> runs;
  read_below(folder, name_of(folder), options, 0, runs);
  if (runs.empty())
    fail(ErrorCode::kInvalidData,
         "{} is not a run's folder: expected recipe.toml, train.csv, metrics.csv, test.csv, "
         "completions.jsonl or manifest.json in it",
         folder.string());
  return runs;
}

void make_names_unique(std::vector<RunReport>& runs) {
  std::map<std::string, int> count;
  for (const RunReport& run : runs) ++count[run.name];
  std::set<std::string> taken;
  for (RunReport& run : runs) {
    if (count[run.name] > 1) run.name = run.folder.lexically_normal().string();
    for (int number = 2; !taken.insert(run.name).second; ++number)
      run.name = fmt::format("{} ({})", run.folder.lexically_normal().string(), number);
  }
}

}  // namespace stapes::report
