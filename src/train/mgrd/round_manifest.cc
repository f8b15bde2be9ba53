#include "train/mgrd/round_manifest.h"

#include <algorithm>

#include "base/fail.h"
#include "base/file.h"
#include "train/run/make_folder.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json to_json(const std::vector<FileRecord>& files) {
  Json list = Json::array();
  for (const FileRecord& file : files)
    list.push_back({{"path", file.path}, {"sha256", file.sha256}});
  return list;
}

std::vector<FileRecord> files_of(const Json& list) {
  std::vector<FileRecord> files;
  for (const Json& file : list)
    files.push_back({file.at("path").get<std::string>(), file.at("sha256").get<std::string>()});
  return files;
}

}  // namespace

RoundManifest::RoundManifest(const fs::path& run_folder, const std::string& stage,
                             const std::string& recipe_text, const std::string& data_fingerprint,
                             bool resume)
    : path_(run_folder / "manifest.json"),
      stage_(stage),
      recipe_sha256_(sha256_of(recipe_text)),
      data_(data_fingerprint) {
  const bool exists = fs::exists(path_);
  if (resume && !exists)
    fail(ErrorCode::kNotFound, "--resume: no manifest.json in {}", run_folder.string());
  if (!resume && exists)
    fail(ErrorCode::kUsage,
         "{} already holds a run; --resume goes on with it, or remove it or name another "
         "run_folder",
         run_folder.string());
  if (resume) {
    load();
    return;
  }
  make_folder(run_folder);
  write_file_atomically(run_folder / "recipe.toml", recipe_text);
  write();
}

void RoundManifest::load() {
  std::string stage, recipe, data;
  try {
    const Json json = Json::parse(read_file(path_));
    stage = json.at("stage").get<std::string>();
    recipe = json.at("recipe_sha256").get<std::string>();
    data = json.at("data").get<std::string>();
    finished_ = json.at("finished").get<bool>();
    for (const Json& step : json.at("steps"))
      steps_.push_back({.round = step.at("round").get<int>(),
                        .step = step.at("step").get<std::string>(),
                        .inputs = files_of(step.at("inputs")),
                        .outputs = files_of(step.at("outputs")),
                        .counts = step.at("counts")});
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kInvalidData, "{} is not a run's manifest: {}", path_.string(), error.what());
  }
  if (stage != stage_)
    fail(ErrorCode::kInvalidData, "--resume: {} is of the stage {}, not of {}", path_.string(),
         stage, stage_);
  if (recipe != recipe_sha256_)
    fail(ErrorCode::kInvalidData,
         "--resume: the recipe is not the one that {} was made with; its text is in recipe.toml "
         "beside it",
         path_.string());
  if (data != data_)
    fail(ErrorCode::kInvalidData, "--resume: the data have changed since {}: {}, now {}",
         path_.string(), data, data_);
}

const StepRecord* RoundManifest::find(int round, const std::string& step) const {
  const auto found = std::ranges::find_if(
      steps_, [&](const StepRecord& r) { return r.round == round && r.step == step; });
  return found == steps_.end() ? nullptr : &*found;
}

void RoundManifest::check_unchanged(const std::vector<FileRecord>& files) const {
  const auto compare = [&](const std::vector<FileRecord>& known, const StepRecord& step) {
    for (const FileRecord& before : known)
      for (const FileRecord& now : files)
        if (before.path == now.path && before.sha256 != now.sha256)
          fail(ErrorCode::kInvalidData,
               "{} has changed since the step {} of round {}: its SHA-256 was {}, now {}", now.path,
               step.step, step.round, before.sha256, now.sha256);
  };
  for (const StepRecord& step : steps_) {
    compare(step.inputs, step);
    compare(step.outputs, step);
  }
}

void RoundManifest::add(StepRecord record) {
  steps_.push_back(std::move(record));
  write();
}

void RoundManifest::finish() {
  if (finished_) return;
  finished_ = true;
  write();
}

void RoundManifest::write() const {
  Json json = {{"stage", stage_},
               {"recipe_sha256", recipe_sha256_},
               {"data", data_},
               {"finished", finished_},
               {"steps", Json::array()}};
  for (const StepRecord& step : steps_)
    json["steps"].push_back({{"round", step.round},
                             {"step", step.step},
                             {"inputs", to_json(step.inputs)},
                             {"outputs", to_json(step.outputs)},
                             {"counts", step.counts}});
  write_file_atomically(path_, json.dump(2) + "\n");
}

}  // namespace stapes::train
