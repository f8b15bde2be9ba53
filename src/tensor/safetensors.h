// safetensors: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
// Files are hostile: every size is checked before it is used
// (https://github.com/huggingface/safetensors, format).
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace stapes {

// One mapped file. Views live as long as the object.
class SafetensorsFile {
 public:
  // Throws kInvalidModel (naming the file and the tensor) for truncated, overlapping, mis-sized or
  // hostile headers, duplicate names and unknown dtypes; kNotFound, kIo as MappedFile::open.
  // Views point into the mapped file, except for tensors that are not aligned to their element
  // size there (the format does not promise it): those are copied, so that every view is aligned.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  MappedFile file_;
  std::vector<std::vector<std::byte>> realigned_;  // copies of the unaligned tensors
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// All tensors of a model folder: the shards that model.safetensors.index.json names, or the one
// model.safetensors where there is no index. Views live as long as the object.
class ModelTensors {
 public:
  // Throws kNotFound (no folder, neither file, a shard that the index names is missing) and
  // kInvalidModel (the index and the shards disagree, a shard's name leaves the folder, and
  // whatever SafetensorsFile::open finds).
  static ModelTensors open(const std::filesystem::path& folder);
  // Tensors that lie elsewhere (one GGUF file, a model made in memory). `owner` keeps them alive;
  // `where` stands in messages in place of folder and file.
  static ModelTensors of(std::map<std::string, TensorView> tensors, std::filesystem::path where,
                         std::shared_ptr<const void> owner);

  bool contains(const std::string& tensor) const { return tensors_.contains(tensor); }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::filesystem::path& folder() const { return folder_; }
  // The file that a tensor (one of tensors()) is in, for messages.
  const std::filesystem::path& file_of(const std::string& tensor) const;
  // Throws kInvalidModel naming tensor, file, expected and actual shape.
  const TensorView& require(const std::string& tensor, const Shape& shape) const;

 private:
  void open_shards(const std::filesystem::path& index,
                   const std::map<std::string, std::string>& shard_of);

  std::vector<SafetensorsFile> files_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, size_t> file_index_;
  std::filesystem::path folder_;
  std::shared_ptr<const void> owner_;
};

struct NamedTensor {
  std::string name;
  TensorView view;
};

// Writes one file atomically, tensors in the given order, each converted to `dtype`
// (kF32, kF16 or kBF16) from its own float dtype. Throws kIo (disk full, no such folder),
// and kUnsupported for a finite value that is infinite in kF16; the old file then stays as it was.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       DType dtype, const std::map<std::string, std::string>& metadata = {});

}  // namespace stapes
