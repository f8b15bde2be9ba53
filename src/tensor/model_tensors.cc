#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/fail.h"
#include "tensor/safetensors.h"

namespace stapes {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr size_t kMaxIndexBytes = 100'000'000;

// A shard lies in the model's folder itself: an index must not point at other files of the machine.
void check_shard_name(const fs::path& index, const std::string& shard) {
  const bool plain =
      !shard.empty() && shard.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
  if (!plain || !shard.ends_with(".safetensors") || shard.starts_with("."))
    fail(ErrorCode::kInvalidModel,
         "{}: expected the name of a .safetensors file in the same folder, got {}", index.string(),
         json(shard).dump(-1, ' ', true));
}

// weight_map: tensor → shard.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const std::string text = read_file(path, kMaxIndexBytes);
  const json index = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    fail(ErrorCode::kInvalidModel, "{}: expected a JSON object with a weight_map object",
         path.string());
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string())
      fail(ErrorCode::kInvalidModel, "{}: expected a file name for the tensor {}, got {}",
           path.string(), json(tensor).dump(), shard.type_name());
    check_shard_name(path, shard.get<std::string>());
    shards.emplace(tensor, shard.get<std::string>());
  }
  return shards;
}

}  // namespace

ModelTensors ModelTensors::open(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    fail(ErrorCode::kNotFound, "expected a model folder, but {} is not a folder", folder.string());
  const fs::path index = folder / "model.safetensors.index.json";
  const fs::path single = folder / "model.safetensors";

  ModelTensors model;
  model.folder_ = folder;
  if (fs::exists(index, error)) {
    model.open_shards(index, read_index(index));
  } else if (fs::exists(single, error)) {
    model.files_.push_back(SafetensorsFile::open(single));
    model.tensors_ = model.files_[0].tensors();
    for (const auto& [tensor, view] : model.tensors_) model.file_index_[tensor] = 0;
  } else {
    fail(ErrorCode::kNotFound, "{} has neither model.safetensors.index.json nor model.safetensors",
         folder.string());
  }
  return model;
}

ModelTensors ModelTensors::of(std::map<std::string, TensorView> tensors, fs::path where,
                              std::shared_ptr<const void> owner) {
  ModelTensors model;
  model.tensors_ = std::move(tensors);
  model.folder_ = std::move(where);
  model.owner_ = std::move(owner);
  return model;
}

void ModelTensors::open_shards(const fs::path& index,
                               const std::map<std::string, std::string>& shard_of) {
  std::map<std::string, size_t> opened;
  for (const auto& [tensor, shard] : shard_of) {
    const auto [found, is_new] = opened.emplace(shard, files_.size());
    if (is_new) {
      std::error_code error;
      if (!fs::exists(folder_ / shard, error))
        fail(ErrorCode::kNotFound, "{} names the file {}, which is not in {}", index.string(),
             shard, folder_.string());
      files_.push_back(SafetensorsFile::open(folder_ / shard));
    }
    const SafetensorsFile& file = files_[found->second];
    const auto view = file.tensors().find(tensor);
    if (view == file.tensors().end())
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {} should be in {}, but that file does not have it", index.string(),
           json(tensor).dump(), file.path().string());
    tensors_.emplace(tensor, view->second);
    file_index_.emplace(tensor, found->second);
  }
  for (const SafetensorsFile& file : files_)
    for (const auto& [tensor, view] : file.tensors())
      if (!contains(tensor) || file_of(tensor) != file.path())
        fail(ErrorCode::kInvalidModel, "{}: tensor {} is not listed for this file in {}",
             file.path().string(), json(tensor).dump(), index.string());
}

const fs::path& ModelTensors::file_of(const std::string& tensor) const {
  if (owner_ != nullptr) return folder_;
  const auto found = file_index_.find(tensor);
  STAPES_CHECK(found != file_index_.end(), "asked for the file of the unknown tensor {}", tensor);
  return files_[found->second].path();
}

const TensorView& ModelTensors::require(const std::string& tensor, const Shape& shape) const {
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end())
    fail(ErrorCode::kInvalidModel, "{}: expected a tensor {} of shape {}, but there is none",
         folder_.string(), tensor, to_string(shape));
  if (found->second.shape != shape)
    fail(ErrorCode::kInvalidModel, "{}: tensor {}: expected the shape {}, got {}",
         file_of(tensor).string(), tensor, to_string(shape), to_string(found->second.shape));
  return found->second;
}

}  // namespace stapes
