// GGUF version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): typed metadata, then
// the tensors' names, shapes, types and offsets, then their bytes. Little-endian.
// What Stapes puts into such a file: docs/file-format.md. Files are hostile: every count, length
// and offset is checked before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace stapes {

// Of an array only this is kept: Stapes writes none and needs none. It is checked all the same.
struct GgufArray {
  uint64_t count = 0;
};

// GGUF's integers of 8 to 32 bits read as uint32_t or int64_t, by their sign.
using GgufValue =
    std::variant<bool, uint32_t, uint64_t, int64_t, float, double, std::string, GgufArray>;

// One mapped file. Views live as long as the object.
class GgufFile {
 public:
  // Throws kInvalidModel (naming the file and the key or tensor) for truncated and hostile files:
  // sizes that the file does not have, duplicate names, overlapping or unaligned tensors, more than
  // 4 dimensions; kUnsupported for another version and for tensor types that Stapes lacks;
  // kNotFound, kIo as MappedFile::open.
  // Quantized tensors must be matrices whose rows and columns fill tiles: their bytes are taken to
  // be laid out as tensor/quantized.h says. Whether they are, the metadata says.
  static GgufFile open(const std::filesystem::path& path);

  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  // Shapes are row-major, as everywhere in Stapes (the file has the innermost dimension first).
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return file_.path(); }

  // The text under a key, or nothing. Throws kInvalidModel where it is not a text.
  const std::string* find_text(const std::string& key) const;

 private:
  MappedFile file_;
  std::map<std::string, GgufValue> metadata_;
  std::map<std::string, TensorView> tensors_;
};

// The number that GGUF has for a dtype. Aborts for kU8, which GGUF lacks.
uint32_t gguf_type(DType dtype);

// In file order. general.alignment is written by the writer itself.
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

struct GgufTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;

  uint64_t size_bytes() const;
};

inline constexpr uint32_t kGgufAlignmentBytes = 64;  // a cache line, and the widest register

uint64_t gguf_file_bytes(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors);

// Takes the next bytes of the tensor that is being written. Throws kIo (a full disk).
using GgufSink = std::function<void(std::span<const std::byte>)>;

// Writes one file atomically, tensors in the given order: `write_tensor(i, sink)` hands over the
// bytes of tensor i, in as many pieces as it likes. Throws kIo and whatever write_tensor throws; no
// part of the file is left then, and an old one stays as it was.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors,
                const std::function<void(size_t tensor, const GgufSink& sink)>& write_tensor);

}  // namespace stapes
