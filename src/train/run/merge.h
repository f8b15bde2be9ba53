// An adapter put into its model for good.
#pragma once

#include <filesystem>

#include "tensor/tensor.h"

namespace stapes::train {

struct MergeOptions {
  std::filesystem::path model;    // folder
  std::filesystem::path adapter;  // folder, ours or peft's
  std::filesystem::path output;   // folder to write; may not hold a model
  DType dtype = DType::kBF16;
};
struct MergedModel {
  int64_t modules = 0;  // that were adapted
  int64_t rank = 0;
};

// W + scale B A, summed in f32, for each module of the adapter; all else as it is. Holds the merged
// matrices in memory (in `dtype`), but not the others. Throws as read_adapter and check_tensors,
// kUsage where the output holds a model already, kIo.
MergedModel merge_adapter(const MergeOptions& options);

}  // namespace stapes::train
