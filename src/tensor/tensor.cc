#include "tensor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

// Every owned tensor starts on a cache line, which is also the widest vector register.
constexpr size_t kAlignmentBytes = 64;

uint16_t read_u16(const std::byte* data, size_t index) {
  uint16_t bits = 0;
  std::memcpy(&bits, data + index * sizeof bits, sizeof bits);
  return bits;
}

}  // namespace

bool is_quantized(DType dtype) {
  return dtype == DType::kQ8_0 || dtype == DType::kQ4_0 || dtype == DType::kQ4_K ||
         dtype == DType::kQ6_K;
}

size_t size_bytes(DType dtype) {
  STAPES_CHECK(!is_quantized(dtype), "{} has no size per element", name(dtype));
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
      return 2;
    case DType::kI64:
      return 8;
    case DType::kI8:
    case DType::kU8:
      return 1;
    default:
      break;
  }
  STAPES_CHECK(false, "dtype {} does not exist", static_cast<int>(dtype));
  return 0;
}

const char* name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kI64:
      return "I64";
    case DType::kI32:
      return "I32";
    case DType::kI16:
      return "I16";
    case DType::kI8:
      return "I8";
    case DType::kU8:
      return "U8";
    case DType::kQ8_0:
      return "Q8_0";
    case DType::kQ4_0:
      return "Q4_0";
    case DType::kQ4_K:
      return "Q4_K";
    case DType::kQ6_K:
      return "Q6_K";
  }
  STAPES_CHECK(false, "dtype {} does not exist", static_cast<int>(dtype));
  return "";
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    STAPES_CHECK(extent >= 0 && !__builtin_mul_overflow(count, extent, &count),
                 "shape {} has no element count", to_string(shape));
  }
  return count;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

size_t TensorView::size_bytes() const {
  if (is_quantized(dtype)) return static_cast<size_t>(shape.at(0)) * row_bytes(dtype, shape.at(1));
  return static_cast<size_t>(element_count()) * stapes::size_bytes(dtype);
}

std::span<const float> TensorView::f32() const {
  STAPES_CHECK(dtype == DType::kF32, "asked for the f32 elements of a {} tensor", name(dtype));
  STAPES_CHECK(reinterpret_cast<uintptr_t>(data) % alignof(float) == 0,
               "an f32 tensor is not aligned to {} bytes", alignof(float));
  return {reinterpret_cast<const float*>(data), static_cast<size_t>(element_count())};
}

std::vector<float> widened_to_f32(const TensorView& view) {
  const auto count = static_cast<size_t>(view.element_count());
  std::vector<float> values(count);
  switch (view.dtype) {
    case DType::kF32:
      if (count > 0) std::memcpy(values.data(), view.data, count * sizeof(float));
      return values;
    case DType::kF16:
      for (size_t i = 0; i < count; ++i) values[i] = f16_to_f32(read_u16(view.data, i));
      return values;
    case DType::kBF16:
      for (size_t i = 0; i < count; ++i) values[i] = bf16_to_f32(read_u16(view.data, i));
      return values;
    default:
      STAPES_CHECK(is_quantized(view.dtype), "asked for a {} tensor as floats", name(view.dtype));
      for (int64_t row = 0; row < view.shape.at(0); ++row) {
        const auto columns = static_cast<size_t>(view.shape.at(1));
        dequantize_tiled_row(
            view, row, std::span(values).subspan(static_cast<size_t>(row) * columns, columns));
      }
  }
  return values;
}

float bf16_to_f32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t magnitude = bits & 0x7fffU;
  // Exponent bias 15 becomes 127; subnormals are whole multiples of 2^-24; infinity and NaN
  // (exponent all ones) keep an exponent of all ones.
  const uint32_t normal = (magnitude << 13) + (112U << 23);
  const auto subnormal =
      std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24F);
  const uint32_t special = 0x7f800000U | (magnitude << 13);
  const uint32_t finite = magnitude < 0x0400U ? subnormal : normal;
  return std::bit_cast<float>(sign | (magnitude >= 0x7c00U ? special : finite));
}

uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {  // NaN, as in f32_to_bf16
    const uint32_t payload = (magnitude >> 13) & 0x3ffU;
    return static_cast<uint16_t>(sign | 0x7c00U | (payload != 0 ? payload : 0x200U));
  }
  // 65520 lies half way between the largest f16 (65504) and 65536: from there on, infinity.
  if (magnitude >= 0x477ff000U) return static_cast<uint16_t>(sign | 0x7c00U);
  if (magnitude < 0x38800000U) {
    // Below 2^-14 the result counts multiples of 2^-24, which is the last bit of a float in
    // [0.5, 1): the addition rounds.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(rounded) - std::bit_cast<uint32_t>(0.5F)));
  }
  const uint32_t to_even = 0xfffU + ((magnitude >> 13) & 1U);
  return static_cast<uint16_t>(sign | ((magnitude - (112U << 23) + to_even) >> 13));
}

Tensor::Tensor(Shape shape)
    : shape_(std::move(shape)), count_(static_cast<size_t>(stapes::element_count(shape_))) {
  const size_t bytes = count_ * sizeof(float);
  const size_t padded = (bytes / kAlignmentBytes + 1) * kAlignmentBytes;
  auto* data = static_cast<float*>(std::aligned_alloc(kAlignmentBytes, padded));
  if (data == nullptr) throw std::bad_alloc();
  std::memset(data, 0, padded);
  data_.reset(data);
}

void Tensor::Free::operator()(float* data) const noexcept {
  std::free(data);
}

std::span<float> Tensor::row(int64_t r) {
  const std::span<const float> values = std::as_const(*this).row(r);
  return {const_cast<float*>(values.data()), values.size()};
}

std::span<const float> Tensor::row(int64_t r) const {
  STAPES_CHECK(shape_.size() == 2 && r >= 0 && r < shape_[0], "row {} of a tensor {}", r,
               to_string(shape_));
  const auto columns = static_cast<size_t>(shape_[1]);
  return values().subspan(static_cast<size_t>(r) * columns, columns);
}

TensorView Tensor::view() const {
  return {DType::kF32, shape_, reinterpret_cast<const std::byte*>(data_.get())};
}

}  // namespace stapes
