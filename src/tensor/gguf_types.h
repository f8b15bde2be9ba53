// The numbers that GGUF gives to types. For gguf.cc and gguf_writer.cc only.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/tensor.h"

namespace stapes {

inline constexpr char kGgufMagic[] = "GGUF";  // and no zero
inline constexpr uint32_t kGgufVersion = 3;
inline constexpr const char* kGgufAlignmentKey = "general.alignment";

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

struct GgufDType {
  uint32_t number;
  DType dtype;
};
inline constexpr std::array kGgufDTypes = {
    GgufDType{0, DType::kF32},  GgufDType{1, DType::kF16},   GgufDType{2, DType::kQ4_0},
    GgufDType{8, DType::kQ8_0}, GgufDType{12, DType::kQ4_K}, GgufDType{14, DType::kQ6_K},
    GgufDType{26, DType::kI32}, GgufDType{27, DType::kI64},  GgufDType{30, DType::kBF16},
};

}  // namespace stapes
