#include "convert/quantize_plan.h"

#include "base/check.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

bool is_plain_type(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

DType wanted_dtype(const TensorSpec& spec, DType type) {
  if (spec.lowest_precision == Precision::kFloat32) return DType::kF32;
  if (is_plain_type(type)) return type;
  if (spec.shape.size() != 2) return DType::kBF16;  // convolutions have no blocks
  switch (spec.lowest_precision) {
    case Precision::kAny:
      return type;
    case Precision::kBits6:
      return type == DType::kQ8_0 ? type : DType::kQ6_K;
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

std::vector<PlannedTensor> plan_tensors(const std::vector<TensorSpec>& table, DType type) {
  STAPES_CHECK(
      is_plain_type(type) || type == DType::kQ8_0 || type == DType::kQ4_0 || type == DType::kQ4_K,
      "asked for a model of {}", name(type));
  std::vector<PlannedTensor> plan;
  for (const TensorSpec& spec : table) {
    const DType wanted = wanted_dtype(spec, type);
    DType dtype = wanted;
    while (is_quantized(dtype) && !fits_blocks(dtype, spec.shape)) dtype = finer(dtype);
    plan.push_back({.spec = spec, .wanted = wanted, .dtype = dtype});
  }
  return plan;
}

}  // namespace stapes
