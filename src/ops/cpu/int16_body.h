// Products with 16-bit float weights as products of 16-bit integers, for one level; and the choice
// among all formats. Included by the kernels_LEVEL.cc of the levels after quantized_batch_body.h,
// once the level has defined dot2().
//
// Blocks of 32 columns of the weights and of x become integers of up to +-8191 with a scale of
// their own, so that 32 products fit into 32 bits. The error is 2^-14 of a block's largest value,
// less than that of a bf16 activation, at twice the speed of f32.

constexpr float kInt16Largest = 8191.0F;

template <typename Type>
struct Int16 {
  static constexpr int64_t kStrips = 1;
  static constexpr int64_t kBytes = kStripColumns * Type::kBytes;
  static constexpr int64_t kWords = 16, kXBytes = 2 * kStripColumns;
  using AStrip = Strip<1, kWords>;
  static constexpr int kOffsets = 0;
  static constexpr bool kMinimum = false;

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& weights, int32_t x) {
    return dot2(sum, weights, x);
  }
};

// rows[i] lane l <-> rows[l] lane i.
[[gnu::always_inline]] inline void transpose(Vec (&rows)[kLanes]) {
  VecI lane;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
#pragma GCC unroll 4
  for (int distance = 1; distance < kLanes; distance *= 2) {
    const VecI upper = (lane & distance) != 0;  // all ones where the lane has the bit
    const VecI low = upper ? lane - distance + kLanes : lane;
    const VecI high = upper ? lane + kLanes : lane + distance;
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & distance) != 0) continue;
      const Vec a = rows[i], b = rows[i + distance];
      rows[i] = __builtin_shuffle(a, b, low);
      rows[i + distance] = __builtin_shuffle(a, b, high);
    }
  }
}

VecI rounded(const Vec& x, const Vec& inverse) {
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer
  return bits_as<VecI>(fma(x, inverse, splat(kRound))) - 0x4b400000;
}

// 32 columns of kLanes outputs, rows `stride_bytes` apart.
template <typename Type>
void unpack_int16(const std::byte* weight, int64_t stride_bytes,
                  typename Int16<Type>::AStrip* strip) {
  Vec columns[kStripColumns];
  for (int64_t first = 0; first < kStripColumns; first += kLanes) {
    Vec square[kLanes];
#pragma GCC unroll 16
    for (int64_t o = 0; o < kLanes; ++o)
      square[o] = Type::load(weight + o * stride_bytes + first * Type::kBytes);
    transpose(square);
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes; ++i) columns[first + i] = square[i];
  }
  Vec top = splat(0.0F);
  for (int64_t n = 0; n < kStripColumns; ++n) top = max(top, max(columns[n], -columns[n]));
  const Vec inverse = top > 1e-30F ? kInt16Largest / top : splat(0.0F);
  strip->scale[0] = top * (1.0F / kInt16Largest);
  for (int64_t j = 0; j < Int16<Type>::kWords; ++j) {
    const VecI even = rounded(columns[2 * j], inverse), odd = rounded(columns[2 * j + 1], inverse);
    strip->words[j] = (even & 0xffff) | (odd << 16);
  }
}

void pack_int16(const RowPacking& p) {
  using Format = Int16<F32>;
  const int64_t strip_bytes = packed_strip_bytes<Format>(p.rows);
  std::byte* packed = p.packed;
  for (int64_t n = 0; n < p.columns; n += kStripColumns, packed += strip_bytes) {
    for (int64_t r = p.first_row; r < p.last_row; ++r) {
      const float* from = p.x + r * p.columns + n;
      Vec top = splat(0.0F);
      for (int64_t i = 0; i < kStripColumns; i += kLanes)
        top = max(top, max(load(from + i), -load(from + i)));
      const float amplitude = largest(top);
      const float scale = amplitude / kInt16Largest;
      const Vec inverse = splat(amplitude > 1e-30F ? kInt16Largest / amplitude : 0.0F);
      for (int64_t i = 0; i < kStripColumns; i += kLanes) {
        const auto values = __builtin_convertvector(rounded(load(from + i), inverse), VecI16);
        std::memcpy(packed + r * Format::kXBytes + 2 * i, &values, sizeof(values));
      }
      std::memcpy(packed + p.rows * Format::kXBytes + 4 * r, &scale, 4);
    }
  }
}

// Unpacks strips [first, first + count) of `parts` parts.
template <typename Type>
void unpack_piece(const QuantizedProduct& p, int64_t first_part, int64_t parts, int64_t first_strip,
                  int64_t count, Piece<Int16<Type>, kPieceStrips<Int16<Type>>>& piece) {
  const int64_t stride_bytes = p.columns * Type::kBytes;
  for (int64_t i = 0; i < parts; ++i) {
    const std::byte* weight = p.tiles + (first_part + i) * kLanes * stride_bytes;
    for (int64_t s = 0; s < count; ++s)
      unpack_int16<Type>(weight + (first_strip + s) * kStripColumns * Type::kBytes, stride_bytes,
                         piece.strips[i] + s);
  }
}

void multiply_blocks(const QuantizedProduct& p) {
  switch (p.dtype) {
    case DType::kQ8_0:
      return multiply_quantized<Q8_0>(p);
    case DType::kQ4_0:
      return multiply_quantized<Q4_0>(p);
    case DType::kQ4_K:
      return multiply_quantized<Q4_K>(p);
    case DType::kQ6_K:
      return multiply_quantized<Q6_K>(p);
    case DType::kF16:
      return multiply_many<Int16<F16>>(p);
    default:
      return multiply_many<Int16<BF16>>(p);
  }
}

int64_t row_group(DType dtype, int64_t rows) {
  return is_quantized(dtype) ? quantized_row_group(dtype, rows) : kRowGroup;
}

void pack_rows(const RowPacking& rows) {
  switch (rows.dtype) {
    case DType::kQ8_0:
      return pack_quantized<Q8_0>(rows);
    case DType::kQ4_0:
      return pack_quantized<Q4_0>(rows);
    case DType::kQ4_K:
      return pack_quantized<Q4_K>(rows);
    case DType::kQ6_K:
      return pack_quantized<Q6_K>(rows);
    default:
      return pack_int16(rows);
  }
}

int64_t packed_bytes(DType dtype, int64_t rows, int64_t columns) {
  const int64_t strips = columns / kStripColumns;
  if (!is_quantized(dtype)) return strips * packed_strip_bytes<Int16<F32>>(rows);
  const int64_t stored = stored_rows(rows);
  return strips * (dtype == DType::kQ6_K ? packed_strip_bytes<Q6_K>(stored)
                                         : packed_strip_bytes<Q8_0>(stored));
}
