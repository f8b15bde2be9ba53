// Which tensor of a model is stored as what, in a file or made in memory.
#pragma once

#include <vector>

#include "spec/tensor_table.h"
#include "tensor/tensor.h"

namespace stapes {

struct StorageTypes {
  DType decoder = DType::kQ8_0;  // its matrices
  DType head = DType::kQ8_0;     // lm_head and the embedding, if the decoder's type is quantized

  // As files have it: beside a 4-bit decoder the head is Q6_K, else like the decoder.
  static StorageTypes of_file(DType decoder);
};

struct PlannedTensor {
  TensorSpec spec;
  DType wanted = DType::kF32;  // by the rules
  DType dtype = DType::kF32;   // what fits the shape: a finer type where `wanted` does not
};

// The rules:
// - norms, biases and positions are always F32;
// - a plain decoder type is what everything else is stored as;
// - beside a quantized one audio tower and adaptor take Q8_0, convolutions BF16.
// Where a shape does not fill whole blocks the next finer type is taken:
// Q4_K -> Q4_0 -> Q8_0 -> BF16, and Q6_K -> Q8_0 -> BF16.
PlannedTensor plan_tensor(const TensorSpec& spec, const StorageTypes& types);
// In the table's order.
std::vector<PlannedTensor> plan_tensors(const std::vector<TensorSpec>& table,
                                        const StorageTypes& types);

}  // namespace stapes
