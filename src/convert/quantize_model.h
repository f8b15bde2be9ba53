// A model, written anew as one GGUF file of a chosen type.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "spec/storage_plan.h"
#include "convert/tensor_writer.h"
#include "spec/model_source.h"
#include "tensor/tensor.h"

namespace stapes {

struct QuantizeOptions {
  DType type = DType::kQ8_0;  // kF32, kF16, kBF16, kQ8_0, kQ4_0 or kQ4_K
  int threads = 0;            // 0: all cores
};

struct QuantizedTensor {
  PlannedTensor plan;
  DType original = DType::kF32;
  uint64_t size_bytes = 0;  // stored
  ConversionError error;
};

struct QuantizeReport {
  std::vector<QuantizedTensor> tensors;  // in file order
  uint64_t original_bytes = 0;           // of all tensors
  uint64_t file_bytes = 0;
};

// Bytes of the original tensors that are done, of all. Return false to cancel.
using QuantizeProgress = std::function<bool(uint64_t done_bytes, uint64_t total_bytes)>;

// Streams tensor by tensor: takes some tens of MB, whatever the model's size. Writes nothing, or
// the whole file. Throws what opening a model throws (the tokenizer is only copied, not checked),
// kUnsupported for a model that is quantized already and for values that F16 cannot hold, kIo (a
// full disk; also before the work, where the disk has too little space), kCancelled.
QuantizeReport quantize_model(const ModelSource& model, const std::filesystem::path& file,
                              const QuantizeOptions& options, const QuantizeProgress& progress);

}  // namespace stapes
