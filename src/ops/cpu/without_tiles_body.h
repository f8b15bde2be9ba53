// Levels with no other unit for products with quantized weights than their vectors. Included by
// their kernels_LEVEL.cc in the place of tile_body.h.

constexpr int64_t quantized_row_group(DType, int64_t) {
  return kRowGroup;
}

template <typename Format>
void multiply_quantized(const QuantizedProduct& p) {
  multiply_in_vectors<Format>(p);
}
