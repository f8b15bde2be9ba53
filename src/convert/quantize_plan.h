// Which tensor is stored as what in a quantized file.
#pragma once

#include <vector>

#include "spec/tensor_table.h"
#include "tensor/tensor.h"

namespace stapes {

struct PlannedTensor {
  TensorSpec spec;
  DType wanted = DType::kF32;  // by the rules
  DType dtype = DType::kF32;   // what fits the shape: a finer type where `wanted` does not
};

// The rules, for `type` = kF32, kF16, kBF16, kQ8_0, kQ4_0 or kQ4_K (aborts for another):
// - norms, biases and positions are always F32;
// - a plain type is what everything else is stored as;
// - decoder matrices take the quantized type; the embedding and the head take Q6_K with a 4-bit
//   type; audio tower and adaptor take Q8_0; convolutions BF16.
// Where a shape does not fill whole blocks the next finer type is taken:
// Q4_K -> Q4_0 -> Q8_0 -> BF16, and Q6_K -> Q8_0 -> BF16.
// In the table's order.
std::vector<PlannedTensor> plan_tensors(const std::vector<TensorSpec>& table, DType type);

}  // namespace stapes
