#include "train/pipeline/manifest.h"

#include <algorithm>

#include "base/fail.h"
#include "base/file.h"
#include "train/run/file_hash.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

ordered_json to_json(const HashedPath& hashed) {
  return {{"path", hashed.path.string()}, {"sha256", hashed.sha256}};
}

HashedPath hashed_path_of(const ordered_json& json) {
  return {json.at("path").get<std::string>(), json.at("sha256").get<std::string>()};
}

ordered_json to_json(const StageEntry& stage) {
  return {{"name", stage.name},
          {"kind", stage.kind},
          {"state", stage.state == StageState::kDone ? "done" : "begun"},
          {"recipe", to_json(stage.recipe)},
          {"input", to_json(stage.input)},
          {"output", to_json(stage.output)},
          {"seconds", stage.seconds},
          {"figures", stage.figures},
          {"scores", stage.scores}};
}

StageEntry stage_of(const ordered_json& json) {
  return {.name = json.at("name").get<std::string>(),
          .kind = json.at("kind").get<std::string>(),
          .state = json.at("state") == "done" ? StageState::kDone : StageState::kBegun,
          .recipe = hashed_path_of(json.at("recipe")),
          .input = hashed_path_of(json.at("input")),
          .output = hashed_path_of(json.at("output")),
          .seconds = json.at("seconds").get<double>(),
          .figures = json.at("figures"),
          .scores = json.at("scores")};
}

}  // namespace

HashedPath hashed(const fs::path& path) {
  std::string hashes;
  for (const FileRecord& file : records_of(path, path)) hashes += file.sha256;
  return {path, fs::is_directory(path) ? sha256_of(hashes) : hashes};
}

Manifest Manifest::load(const fs::path& file) {
  Manifest manifest(file);
  try {
    const auto json = ordered_json::parse(read_file(file));
    for (const auto& stage : json.at("stages")) manifest.stages_.push_back(stage_of(stage));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kInvalidData, "{} is not a pipeline's manifest: {}", file.string(),
         error.what());
  }
  return manifest;
}

StageEntry* Manifest::find(const std::string& stage) {
  const auto found = std::ranges::find(stages_, stage, &StageEntry::name);
  return found == stages_.end() ? nullptr : &*found;
}

StageEntry& Manifest::entry(const std::string& stage) {
  if (StageEntry* known = find(stage)) return *known;
  stages_.push_back({});
  stages_.back().name = stage;
  return stages_.back();
}

void Manifest::save() const {
  ordered_json json = {{"stages", ordered_json::array()}};
  for (const auto& stage : stages_) json["stages"].push_back(to_json(stage));
  write_file_atomically(file_, json.dump(2) + "\n");
}

}  // namespace stapes::train
