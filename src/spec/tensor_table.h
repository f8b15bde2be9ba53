// The one table of tensors of a Step-Audio model: used by the loader, the converter, the trainer,
// `stapes inspect` and a test that needs no weights (names: reference A3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spec/model_config.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace stapes {

// The lowest precision at which a tensor may be stored in a quantized file.
enum class Precision : uint8_t { kFloat32, kBits16, kBits8, kBits6, kAny };

struct TensorSpec {
  std::string name;
  Shape shape;
  Precision lowest_precision;
};

// In file order: encoder.*, adapter.*, model.*, lm_head.weight.
std::vector<TensorSpec> tensor_table(const ModelConfig& config);
int64_t parameter_count(const std::vector<TensorSpec>& table);

// Throws kInvalidModel naming the first missing, extra or mis-shaped tensor and its file, and how
// many more.
void check_tensors(const ModelTensors& tensors, const std::vector<TensorSpec>& table);

}  // namespace stapes
