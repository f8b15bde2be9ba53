// Dtypes, shapes and views. Row-major, densely packed; the last dimension is contiguous.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace stapes {

// The quantized ones are block formats (tensor/quantized.h): they have no size per element.
enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kQ8_0,
  kQ4_0,
  kQ4_K,
  kQ6_K
};

bool is_quantized(DType dtype);
// Of one element. Aborts for a quantized dtype.
size_t size_bytes(DType dtype);
const char* name(DType dtype);  // "F32", "BF16", "Q4_0", ... as safetensors and GGUF spell them

using Shape = std::vector<int64_t>;

int64_t element_count(const Shape& shape);  // the empty shape is a scalar: 1
std::string to_string(const Shape& shape);  // "[3, 128]"

// A tensor that somebody else owns (a mapped file, a Tensor, a training checkpoint).
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  const std::byte* data = nullptr;

  int64_t element_count() const { return stapes::element_count(shape); }
  size_t size_bytes() const;
  // The elements of a kF32 view. Aborts for another dtype: ask for the conversion instead.
  std::span<const float> f32() const;
};

// Elements of any float or quantized view widened to f32, in order. Aborts for integer dtypes.
std::vector<float> widened_to_f32(const TensorView& view);

float bf16_to_f32(uint16_t bits);
float f16_to_f32(uint16_t bits);
// Rounded to nearest even; NaN stays NaN.
uint16_t f32_to_f16(float value);
inline uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {
    // NaN: rounding could carry into infinity, so the payload is cut, and kept from becoming zero.
    const auto cut = static_cast<uint16_t>(bits >> 16);
    return (cut & 0x7fU) != 0 ? cut : static_cast<uint16_t>(cut | 0x40U);
  }
  const uint32_t to_even = 0x7fffU + ((bits >> 16) & 1U);
  return static_cast<uint16_t>((bits + to_even) >> 16);
}

// An owned f32 tensor, 64-byte aligned, zero at the start.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Shape shape);

  const Shape& shape() const { return shape_; }
  int64_t dim(size_t axis) const { return shape_.at(axis); }
  int64_t element_count() const { return static_cast<int64_t>(values().size()); }
  std::span<float> values() { return {data_.get(), count_}; }
  std::span<const float> values() const { return {data_.get(), count_}; }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  // Row r of a matrix [rows, columns].
  std::span<float> row(int64_t r);
  std::span<const float> row(int64_t r) const;
  TensorView view() const;

 private:
  struct Free {
    void operator()(float* data) const noexcept;
  };
  Shape shape_;
  size_t count_ = 0;
  std::unique_ptr<float[], Free> data_;
};

}  // namespace stapes
