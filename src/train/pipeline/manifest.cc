#include "train/pipeline/manifest.h"

#include <xxhash.h>

#include <algorithm>

#include "base/fail.h"
#include "base/file.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }
  void add(const fs::path& file) {
    const MappedFile mapped = MappedFile::open(file);
    XXH3_128bits_update(state_.get(), mapped.bytes().data(), mapped.bytes().size());
  }
  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

ordered_json to_json(const HashedPath& hashed) {
  return {{"path", hashed.path.string()}, {"hash", hashed.hash}};
}

HashedPath hashed_path_of(const ordered_json& json) {
  return {json.at("path").get<std::string>(), json.at("hash").get<std::string>()};
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

HashedPath hashed_model(const fs::path& folder) {
  std::vector<fs::path> files = {folder / "config.json", folder / "tokenizer.json"};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".safetensors" &&
        entry.path().filename() != "helper.safetensors")
      files.push_back(entry.path());
  if (error)
    fail(ErrorCode::kNotFound, "there is no model folder {}: {}", folder.string(), error.message());
  std::sort(files.begin() + 2, files.end());
  Hasher hasher;
  for (const auto& file : files) hasher.add(file);
  return {folder, hasher.hex()};
}

HashedPath hashed_file(const fs::path& file) {
  Hasher hasher;
  hasher.add(file);
  return {file, hasher.hex()};
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
