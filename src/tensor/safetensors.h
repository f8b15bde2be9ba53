// safetensors: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
// Files are hostile: every size is checked before it is used (https://github.com/huggingface/safetensors, format).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace stapes {

// One mapped file. Views live as long as the object.
class SafetensorsFile {
 public:
  // Throws kInvalidModel (naming the file and the tensor) for truncated, overlapping, mis-sized or
  // hostile headers, duplicate names and unknown dtypes.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// All tensors of a model folder: the shards that model.safetensors.index.json names, or the one
// model.safetensors where there is no index. Views live as long as the object.
class ModelTensors {
 public:
  static ModelTensors open(const std::filesystem::path& folder);

  bool contains(const std::string& tensor) const { return tensors_.contains(tensor); }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  // The file that a tensor is in, for messages.
  const std::filesystem::path& file_of(const std::string& tensor) const;
  // Throws kInvalidModel naming tensor, file, expected and actual shape.
  const TensorView& require(const std::string& tensor, const Shape& shape) const;

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, size_t> file_index_;
  std::filesystem::path folder_;
};

struct NamedTensor {
  std::string name;
  TensorView view;
};

// Writes one file atomically, tensors in the given order, each converted to `dtype`
// (kF32, kF16 or kBF16) from its own float dtype.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       DType dtype, const std::map<std::string, std::string>& metadata = {});

}  // namespace stapes
