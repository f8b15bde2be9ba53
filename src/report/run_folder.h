// A run's folder (docs/training.md), read for its report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/grounding_files.h"
#include "report/samples.h"
#include "report/table.h"

namespace stapes::report {

struct RunLog {
  std::string name;  // "train", "test", "metrics", "evaluation", ...
  Table table;
};

// How many prompts were right how often of a number of tries (selection.json of `rl`).
struct SelectionHistogram {
  std::vector<int64_t> prompts_by_right;
  int64_t kept = 0;
};

struct RunReport {
  std::string name;   // of the folder; of one inside of another: "NAME/round-1/rl"
  std::string title;  // the recipe's name; empty where it has none
  std::filesystem::path folder;
  std::string stage;     // "sft", "rl", "mgrd", "dpo"; empty: not known
  std::string recipe;    // recipe.toml as it stands
  std::string manifest;  // manifest.json, indented; empty: there is none
  double last_step = 0;
  int64_t wanted_steps = 0;  // of the recipe; 0: not known
  std::optional<double> working_time_s;
  int64_t checkpoints = 0;
  std::vector<RunLog> logs;
  Samples samples;
  std::optional<SelectionHistogram> selection;
  GroundingRounds grounding;
  std::vector<std::string> missing;  // what is not there, cut or broken: whole sentences
};

struct ReadOptions {
  size_t most_rows = 3000;    // of each log
  size_t most_samples = 300;  // of each run
  size_t most_examples = 40;  // of each round
};

bool is_run_folder(const std::filesystem::path& folder);

// The run in `folder` and those in folders below it (rounds of `mgrd`, stages of a pipeline), in
// the order of their names. A file that is missing, cut or broken is said in `missing`. Throws
// kNotFound (no such folder), kInvalidData (it is no folder, or nothing in it is of a run).
std::vector<RunReport> read_runs(const std::filesystem::path& folder, const ReadOptions& options);

// Runs that would have the same name get as much of their path as tells them apart.
void make_names_unique(std::vector<RunReport>& runs);

}  // namespace stapes::report
