// What a run of several steps has done: RUN/manifest.json. It holds no times and no absolute paths
// of its own, so that a run that was stopped and one that was not have the same manifest.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "train/run/file_hash.h"

namespace stapes::train {

struct StepRecord {
  int round = 0;
  std::string step;  // "distill", "sft", "rl", "evaluate", ...
  std::vector<FileRecord> inputs, outputs;
  nlohmann::ordered_json counts = nlohmann::ordered_json::object();
};

class RoundManifest {
 public:
  // A new one, or with `resume` the one of `run_folder`, which must be of this stage, recipe and
  // data. Makes the folder, and keeps the recipe's text in it. Throws kUsage (a new run in the
  // folder of an old one), kNotFound (resume where there is none), kInvalidData, kIo.
  RoundManifest(const std::filesystem::path& run_folder, const std::string& stage,
                const std::string& recipe_text, const std::string& data_fingerprint, bool resume);

  const StepRecord* find(int round, const std::string& step) const;
  // Throws kInvalidData where a file of an earlier step, by its path, is not as it was then.
  void check_unchanged(const std::vector<FileRecord>& files) const;
  // Written at once. Throws kIo.
  void add(StepRecord record);
  void finish();

 private:
  void load();
  void write() const;

  std::filesystem::path path_;
  std::string stage_, recipe_sha256_, data_;
  std::vector<StepRecord> steps_;
  bool finished_ = false;
};

}  // namespace stapes::train
