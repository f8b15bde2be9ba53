// One block of each quantized format in ggml's byte order (tensor/quantized.h has the formulas).
// Only quantized.cc calls these; everybody else works on rows and matrices.
//
// x must be finite. Values beyond what the block's f16 scale can reach are stored as the largest
// that it can; no block ever holds an infinite or NaN scale.
#pragma once

#include <cstddef>
#include <span>

namespace stapes::blocks {

inline constexpr size_t kQ8_0Bytes = 34;
inline constexpr size_t kQ4_0Bytes = 18;
inline constexpr size_t kQ4_KBytes = 144;
inline constexpr size_t kQ6_KBytes = 210;

void quantize_q8_0(std::span<const float, 32> x, std::span<std::byte, kQ8_0Bytes> block);
void quantize_q4_0(std::span<const float, 32> x, std::span<std::byte, kQ4_0Bytes> block);
void quantize_q4_k(std::span<const float, 256> x, std::span<std::byte, kQ4_KBytes> block);
void quantize_q6_k(std::span<const float, 256> x, std::span<std::byte, kQ6_KBytes> block);

void dequantize_q8_0(std::span<const std::byte, kQ8_0Bytes> block, std::span<float, 32> x);
void dequantize_q4_0(std::span<const std::byte, kQ4_0Bytes> block, std::span<float, 32> x);
void dequantize_q4_k(std::span<const std::byte, kQ4_KBytes> block, std::span<float, 256> x);
void dequantize_q6_k(std::span<const std::byte, kQ6_KBytes> block, std::span<float, 256> x);

}  // namespace stapes::blocks
