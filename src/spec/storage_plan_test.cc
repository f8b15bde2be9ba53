// Which tensor is stored as what.
#include "spec/storage_plan.h"

#include <gtest/gtest.h>

namespace stapes {
namespace {

DType planned(const std::string& tensor, const Shape& shape, Precision lowest, DType type) {
  return plan_tensor({tensor, shape, lowest}, StorageTypes::of_file(type)).dtype;
}

TEST(StoragePlan, FollowsTheRules) {
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    EXPECT_EQ(planned("w", {64, 256}, Precision::kAny, type), type);
    EXPECT_EQ(planned("w", {64, 64, 3}, Precision::kBits8, type), type);
    EXPECT_EQ(planned("norm", {64}, Precision::kFloat32, type), DType::kF32);
  }
  for (const DType type : {DType::kQ4_0, DType::kQ4_K}) {
    EXPECT_EQ(planned("w", {64, 256}, Precision::kAny, type), type);
    EXPECT_EQ(planned("head", {64, 256}, Precision::kBits6, type), DType::kQ6_K);
    EXPECT_EQ(planned("audio", {64, 256}, Precision::kBits8, type), DType::kQ8_0);
    EXPECT_EQ(planned("conv", {64, 64, 3}, Precision::kBits8, type), DType::kBF16);
    EXPECT_EQ(planned("positions", {64, 256}, Precision::kFloat32, type), DType::kF32);
  }
  EXPECT_EQ(planned("head", {64, 256}, Precision::kBits6, DType::kQ8_0), DType::kQ8_0);
}

TEST(StoragePlan, FallsBackToTheNextFinerTypeThatFits) {
  const PlannedTensor plan =
      plan_tensor({"w", {64, 96}, Precision::kAny}, StorageTypes::of_file(DType::kQ4_K));
  EXPECT_EQ(plan.wanted, DType::kQ4_K);
  EXPECT_EQ(plan.dtype, DType::kQ4_0);
  EXPECT_EQ(planned("head", {64, 96}, Precision::kBits6, DType::kQ4_0), DType::kQ8_0);
  EXPECT_EQ(planned("w", {64, 48}, Precision::kAny, DType::kQ4_0), DType::kBF16);
  EXPECT_EQ(planned("w", {63, 256}, Precision::kAny, DType::kQ4_K), DType::kBF16);
}

// Of the real models' shapes nothing falls back.
TEST(StoragePlan, TheReleasesFitEveryType) {
  for (const char* model : {"step-audio-2-mini", "step-audio-r1"})
    for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K})
      for (const PlannedTensor& tensor :
           plan_tensors(tensor_table(config_like(model)), StorageTypes::of_file(type)))
        EXPECT_EQ(tensor.dtype, tensor.wanted) << model << " " << tensor.spec.name;
}

}  // namespace
}  // namespace stapes
