// manifest.json of a pipeline's run: what went into each stage, what came out, and how far it is.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace stapes::train {

struct HashedPath {
  std::filesystem::path path;
  std::string sha256;  // of a file; of a model folder, of the hashes of the files that make it
};
// Throws kNotFound, kIo.
HashedPath hashed(const std::filesystem::path& path);

enum class StageState : uint8_t { kBegun, kDone };

struct StageEntry {
  std::string name, kind;
  StageState state = StageState::kBegun;
  HashedPath recipe;
  HashedPath input;                // the model it starts from; an empty path: random weights
  HashedPath output;               // once it is done
  double seconds = 0;              // of work, pauses left out
  nlohmann::ordered_json figures;  // what the stage says of itself
  nlohmann::ordered_json scores;   // of its model, where the pipeline evaluates
};

class Manifest {
 public:
  explicit Manifest(std::filesystem::path file) : file_(std::move(file)) {}
  // Throws kNotFound, kInvalidData (not such a manifest).
  static Manifest load(const std::filesystem::path& file);

  StageEntry* find(const std::string& stage);
  StageEntry& entry(const std::string& stage);  // added at the end where it is new
  const std::vector<StageEntry>& stages() const { return stages_; }
  // Atomically. Throws kIo.
  void save() const;

 private:
  std::filesystem::path file_;
  std::vector<StageEntry> stages_;
};

}  // namespace stapes::train
