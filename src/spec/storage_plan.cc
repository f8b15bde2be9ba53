#include "spec/storage_plan.h"

#include "tensor/quantized.h"

namespace stapes {
namespace {

DType wanted_dtype(const TensorSpec& spec, const StorageTypes& types) {
  if (spec.lowest_precision == Precision::kFloat32) return DType::kF32;
  if (!is_quantized(types.decoder)) return types.decoder;
  if (spec.shape.size() != 2) return DType::kBF16;  // convolutions have no blocks
  switch (spec.lowest_precision) {
    case Precision::kAny:
      return types.decoder;
    case Precision::kBits6:
      return types.head;
    case Precision::kBits8:
      return DType::kQ8_0;
    default:
      return DType::kBF16;
  }
}

DType finer(DType dtype) {
  switch (dtype) {
    case DType::kQ4_K:
      return DType::kQ4_0;
    case DType::kQ4_0:
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return DType::kBF16;
  }
}

}  // namespace

StorageTypes StorageTypes::of_file(DType decoder) {
  const bool is_coarse = is_quantized(decoder) && decoder != DType::kQ8_0;
  return {.decoder = decoder, .head = is_coarse ? DType::kQ6_K : decoder};
}

PlannedTensor plan_tensor(const TensorSpec& spec, const StorageTypes& types) {
  const DType wanted = wanted_dtype(spec, types);
  DType dtype = wanted;
  while (is_quantized(dtype) && !fits_blocks(dtype, spec.shape)) dtype = finer(dtype);
  return {.spec = spec, .wanted = wanted, .dtype = dtype};
}

std::vector<PlannedTensor> plan_tensors(const std::vector<TensorSpec>& table,
                                        const StorageTypes& types) {
  std::vector<PlannedTensor> plan;
  for (const TensorSpec& spec : table) plan.push_back(plan_tensor(spec, types));
  return plan;
}

}  // namespace stapes
