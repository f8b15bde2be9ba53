// Products with quantized weights (tensor/quantized.h), for one level. Included by the
// kernels_LEVEL.cc of the levels after kernels_body.h, once the level has defined dot4() and
// dot4_small().
//
// Rows of x are quantized to 8 bits in blocks of 32 with a scale of their own, so that a block's
// product is a sum of integers, which is exact. What is then summed over the blocks in f32 is
// summed in the order of the blocks: a row has the same bits alone and in any batch.
//
// The inner functions are always_inline: out of line, their sums would go through memory.
//
// A strip is what 32 columns of the weights are for kLanes outputs: eight vectors in which lane o
// holds four neighbouring unsigned weights of output o, and the scales of the outputs.

constexpr int64_t kStripColumns = 32;
constexpr int64_t kStripWords = 8;  // of four 8-bit weights, or 16 of two 16-bit ones
constexpr int64_t kTileParts = kTileRows / kLanes;

// Packed rows, in groups of up to row_group() rows; a group of g rows holds for each strip
//   int8 x[g][32]; f32 scale[g]; offset[g] (of two halves: [2][g])
// where the offset is what the format adds to a block's product because its weights are stored
// unsigned: int32 -zero point · Σ x (Q8_0, Q4_0, Q6_K), or f32 scale · Σ x (Q4_K).
template <typename Format>
constexpr int64_t packed_strip_bytes(int64_t rows) {
  return rows * (Format::kXBytes + 4 + 4 * Format::kOffsets);
}

// Rows that a group of this many is filled up to.
constexpr int64_t stored_rows(int64_t rows) {
  return rows <= kRowGroup ? rows : (rows + kRowGroup - 1) / kRowGroup * kRowGroup;
}

template <int kScales, int64_t kWords = kStripWords>
struct Strip {
  VecI words[kWords];
  Vec scale[kScales];  // the second: Q4_K: the minimum; Q6_K: of the second 16 columns
};

VecI load_words(const std::byte* p) {
  VecI v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

int32_t load_i32(const std::byte* p) {
  int32_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

float load_one(const std::byte* p) {
  float value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

Vec to_float(const VecI& v) {
  return __builtin_convertvector(v, Vec);
}

// Each format says how its blocks become strips, and how a strip is multiplied.
struct Q8_0 {
  static constexpr DType kDType = DType::kQ8_0;
  static constexpr int64_t kStrips = 1;
  static constexpr int64_t kBytes = 34 * kTileRows;  // of one block of all rows of a tile
  static constexpr int64_t kWords = kStripWords, kXBytes = kStripColumns;
  using AStrip = Strip<1>;
  static constexpr int kScales = 1;
  static constexpr int kOffsets = 1;
  static constexpr int32_t kZeroPoint = 128;
  static constexpr bool kMinimum = false;

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& weights, int32_t x) {
    return dot4(sum, weights, x);
  }
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t part, Strip<1>* strip) {
    strip->scale[0] = load_f16(block + part * kLanes * 2);
    const std::byte* words = block + kTileRows * 2 + part * kLanes * 4;
#pragma GCC unroll 8
    for (int64_t j = 0; j < kStripWords; ++j)
      strip->words[j] = load_words(words + j * kTileRows * 4) ^ static_cast<int32_t>(0x80808080);
  }
};

struct Q4_0 {
  static constexpr DType kDType = DType::kQ4_0;
  static constexpr int64_t kStrips = 1;
  static constexpr int64_t kBytes = 18 * kTileRows;
  static constexpr int64_t kWords = kStripWords, kXBytes = kStripColumns;
  using AStrip = Strip<1>;
  static constexpr int kScales = 1;
  static constexpr int kOffsets = 1;
  static constexpr int32_t kZeroPoint = 8;
  static constexpr bool kMinimum = false;

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& weights, int32_t x) {
    return dot4_small(sum, weights, x);
  }
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t part, Strip<1>* strip) {
    strip->scale[0] = load_f16(block + part * kLanes * 2);
    const std::byte* words = block + kTileRows * 2 + part * kLanes * 4;
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStripWords / 2; ++j) {
      const VecI pairs = load_words(words + j * kTileRows * 4);
      strip->words[j] = pairs & 0x0f0f0f0f;
      strip->words[j + kStripWords / 2] = (pairs >> 4) & 0x0f0f0f0f;
    }
  }
};

struct Q4_K {
  static constexpr DType kDType = DType::kQ4_K;
  static constexpr int64_t kStrips = 8;
  static constexpr int64_t kBytes = 144 * kTileRows;
  static constexpr int64_t kWords = kStripWords, kXBytes = kStripColumns;
  using AStrip = Strip<2>;
  static constexpr int kScales = 2;
  static constexpr int kOffsets = 1;
  static constexpr int32_t kZeroPoint = 0;
  static constexpr bool kMinimum = true;

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& weights, int32_t x) {
    return dot4_small(sum, weights, x);
  }
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t part,
                                            Strip<2>* strips) {
    const auto word = [&](int64_t index) {
      return load_words(block + (index * kTileRows + part * kLanes) * 4);
    };
    const VecI both = word(0);  // d below, dmin above
    const auto d_bits = __builtin_convertvector(both, VecU16);
    const auto minimum_bits = __builtin_convertvector(both >> 16, VecU16);
    const Vec d = load_f16(reinterpret_cast<const std::byte*>(&d_bits));
    const Vec d_minimum = load_f16(reinterpret_cast<const std::byte*>(&minimum_bits));
    // Sub-scales and minima of strips 0-3 are the low six bits of words 1 and 2; those of strips
    // 4-7 have their low four bits in word 3 and their high two bits on top of words 1 and 2.
    const VecI w1 = word(1), w2 = word(2), w3 = word(3);
    const VecI scales[2] = {w1 & 0x3f3f3f3f, (w3 & 0x0f0f0f0f) | ((w1 >> 2) & 0x30303030)};
    const VecI minima[2] = {w2 & 0x3f3f3f3f, ((w3 >> 4) & 0x0f0f0f0f) | ((w2 >> 2) & 0x30303030)};
#pragma GCC unroll 8
    for (int64_t s = 0; s < kStrips; ++s) {
      const int shift = static_cast<int>(s % 4) * 8;
      strips[s].scale[0] = d * to_float((scales[s / 4] >> shift) & 0xff);
      strips[s].scale[1] = d_minimum * to_float((minima[s / 4] >> shift) & 0xff);
    }
#pragma GCC unroll 4
    for (int64_t pair = 0; pair < kStrips / 2; ++pair) {  // low nibbles, then high nibbles
#pragma GCC unroll 8
      for (int64_t j = 0; j < kStripWords; ++j) {
        const VecI nibbles = word(4 + pair * kStripWords + j);
        strips[2 * pair].words[j] = nibbles & 0x0f0f0f0f;
        strips[2 * pair + 1].words[j] = (nibbles >> 4) & 0x0f0f0f0f;
      }
    }
  }
};

struct Q6_K {
  static constexpr DType kDType = DType::kQ6_K;
  static constexpr int64_t kStrips = 8;
  static constexpr int64_t kBytes = 210 * kTileRows;
  static constexpr int64_t kWords = kStripWords, kXBytes = kStripColumns;
  using AStrip = Strip<2>;
  static constexpr int kScales = 2;
  static constexpr int kOffsets = 2;
  static constexpr int32_t kZeroPoint = 32;
  static constexpr bool kMinimum = false;

  // Each half of 128 weights: low[64] holds the low nibbles of strips 0, 1 and then, above them, of
  // strips 2, 3; high[32] holds two bits of the four strips, lowest bits first.
  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& weights, int32_t x) {
    return dot4_small(sum, weights, x);
  }
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t part,
                                            Strip<2>* strips) {
    const auto word = [&](int64_t index) {
      return load_words(block + (index * kTileRows + part * kLanes) * 4);
    };
    const Vec d = load_f16(block + 52 * 4 * kTileRows + part * kLanes * 2);
#pragma GCC unroll 2
    for (int64_t half = 0; half < 2; ++half) {
      AStrip* four = strips + 4 * half;
#pragma GCC unroll 8
      for (int64_t j = 0; j < kStripWords; ++j) {
        const VecI low_a = word(half * 16 + j);
        const VecI low_b = word(half * 16 + 8 + j);
        const VecI high = word(32 + half * 8 + j);
        four[0].words[j] = (low_a & 0x0f0f0f0f) | ((high << 4) & 0x30303030);
        four[1].words[j] = (low_b & 0x0f0f0f0f) | ((high << 2) & 0x30303030);
        four[2].words[j] = ((low_a >> 4) & 0x0f0f0f0f) | (high & 0x30303030);
        four[3].words[j] = ((low_b >> 4) & 0x0f0f0f0f) | ((high >> 2) & 0x30303030);
      }
#pragma GCC unroll 4
      for (int64_t s = 0; s < 4; ++s) {
        const VecI scales = word(48 + half * 2 + s / 2);  // four signed bytes: two strips
        const int shift = static_cast<int>(s % 2) * 16;
        four[s].scale[0] = d * to_float((scales << (24 - shift)) >> 24);
        four[s].scale[1] = d * to_float((scales << (16 - shift)) >> 24);
      }
    }
  }
};

// dots[p][r] = start[r] + Σ over the words [kFirst, kLast) of the strips of kParts neighbouring
// parts. A broadcast of x costs as much as two products, so each is used for several parts; and the
// sums are independent of each other, which hides the latency of a product.
template <typename Format, int kRows, int kParts, int64_t kFirst, int64_t kLast>
[[gnu::always_inline]] inline void multiply_words(
    const typename Format::AStrip* const (&strips)[kParts], const std::byte* x,
    const std::byte* start, VecI (&dots)[kParts][kRows]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const VecI first = VecI{} + (start == nullptr ? 0 : load_i32(start + 4 * r));
#pragma GCC unroll 8
    for (int p = 0; p < kParts; ++p) dots[p][r] = first;
  }
#pragma GCC unroll 8
  for (int64_t j = kFirst; j < kLast; ++j) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const int32_t four = load_i32(x + r * Format::kXBytes + 4 * j);
#pragma GCC unroll 8
      for (int p = 0; p < kParts; ++p)
        dots[p][r] = Format::dot(dots[p][r], strips[p]->words[j], four);
    }
  }
}

// sums[p][r] += the product of part p's strip with the group's row r.
template <typename Format, int kRows, int kParts>
[[gnu::always_inline]] inline void accumulate(
    const typename Format::AStrip* const (&strips)[kParts], const std::byte* x,
    Vec (&sums)[kParts][kRows]) {
  const std::byte* scales = x + kRows * Format::kXBytes;
  const std::byte* offsets = scales + 4 * kRows;
  constexpr int64_t kFirst = Format::kOffsets == 2 ? Format::kWords / 2 : Format::kWords;
  constexpr bool kHasStart = Format::kOffsets > 0 && !Format::kMinimum;
  VecI dots[kParts][kRows];
  multiply_words<Format, kRows, kParts, 0, kFirst>(strips, x, kHasStart ? offsets : nullptr, dots);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Vec scale = splat(load_one(scales + 4 * r));
#pragma GCC unroll 8
    for (int p = 0; p < kParts; ++p)
      sums[p][r] = fma(to_float(dots[p][r]), strips[p]->scale[0] * scale, sums[p][r]);
  }
  if constexpr (Format::kMinimum) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec weighed = -splat(load_one(offsets + 4 * r));
#pragma GCC unroll 8
      for (int p = 0; p < kParts; ++p) sums[p][r] = fma(strips[p]->scale[1], weighed, sums[p][r]);
    }
  }
  if constexpr (Format::kOffsets == 2) {
    multiply_words<Format, kRows, kParts, kFirst, Format::kWords>(strips, x, offsets + 4 * kRows,
                                                                  dots);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec scale = splat(load_one(scales + 4 * r));
#pragma GCC unroll 8
      for (int p = 0; p < kParts; ++p)
        sums[p][r] = fma(to_float(dots[p][r]), strips[p]->scale[1] * scale, sums[p][r]);
    }
  }
}

void finish(const QuantizedProduct& p, const Vec& sum, int64_t row, int64_t output) {
  const Vec result = p.bias == nullptr ? sum : sum + load(p.bias + output);
  store(result, p.y + row * p.outputs + output);
}

// Weights are read once. One core brings more from memory where it follows several streams, and
// where each is asked for ahead of time, little by little: the hardware's prefetch ends at every
// 4 KiB page, and requests in bursts have to wait for each other. Formats whose blocks span KiBs
// are read in one stream, from far ahead, because unpacking a block asks for all of it.
template <typename Format>
constexpr bool kShortBlocks = Format::kStrips == 1;
template <typename Format>
constexpr int64_t kBytesAhead = kShortBlocks<Format> ? 1024 : 8192;

template <typename Format>
[[gnu::always_inline]] inline void prefetch_strip(const std::byte* block, int64_t strip) {
  constexpr int64_t kBytes = Format::kBytes / Format::kStrips;
  const std::byte* ahead = block + strip * kBytes + kBytesAhead<Format>;
#pragma GCC unroll 16
  for (int64_t line = 0; line < kBytes; line += kLineBytes) __builtin_prefetch(ahead + line, 0, 3);
}

// A few rows: the weights are unpacked into registers on their way from memory. The parts of
// kStreams tiles are read side by side; the tiles lie `tiles_apart`.
template <typename Format, int kRows, int kStreams>
void multiply_streams(const QuantizedProduct& p, int64_t part, int64_t tiles_apart) {
  const int64_t blocks = p.columns / (kStripColumns * Format::kStrips);
  const int64_t bytes_apart = tiles_apart * blocks * Format::kBytes;
  const std::byte* block = p.tiles + part / kTileParts * blocks * Format::kBytes;
  const std::byte* x = p.x;
  constexpr int64_t kXStripBytes = packed_strip_bytes<Format>(kRows);
  Vec sums[kStreams][1][kRows] = {};
  for (int64_t b = 0; b < blocks; ++b, block += Format::kBytes) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreams; ++i) {
      const std::byte* of_stream = block + i * bytes_apart;
      typename Format::AStrip strips[Format::kStrips];
      Format::unpack(of_stream, part % kTileParts, strips);
#pragma GCC unroll 1
      for (int64_t s = 0; s < Format::kStrips; ++s) {
        prefetch_strip<Format>(of_stream, s);
        accumulate<Format, kRows, 1>({strips + s}, x + s * kXStripBytes, sums[i]);
      }
    }
    x += Format::kStrips * kXStripBytes;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kStreams; ++i) {
    const int64_t output = (part + i * tiles_apart * kTileParts) * kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) finish(p, sums[i][0][r], r, output);
  }
}

template <typename Format, int kRows>
void multiply_few(const QuantizedProduct& p) {
  constexpr int kStreams = kShortBlocks<Format> ? kMemoryStreams : 1;
  const int64_t tiles = (p.last_tile - p.first_tile) / kStreams;  // of a stream
  int64_t part = p.first_tile * kTileParts;
  for (const int64_t last = part + tiles * kTileParts; part < last; ++part)
    multiply_streams<Format, kRows, kStreams>(p, part, tiles);
  for (part += (kStreams - 1) * tiles * kTileParts; part < p.last_tile * kTileParts; ++part)
    multiply_streams<Format, kRows, 1>(p, part, 0);
}

// Of one strip of one row: the scale of its 8-bit values, and their sums in both halves.
struct PackedStrip {
  float scale;
  int32_t sums[2];
};

// The values go where they belong at once: copied as a whole, so soon after they were written in
// parts, they would have to wait for those.
[[gnu::always_inline]] inline PackedStrip pack_strip(const float* x, std::byte* packed) {
  constexpr int64_t kVecs = kStripColumns / kLanes;
  Vec values[kVecs], top = splat(0.0F);
  for (int64_t i = 0; i < kVecs; ++i) {
    values[i] = load(x + i * kLanes);
    top = max(top, max(values[i], -values[i]));
  }
  const float amplitude = largest(top);
  PackedStrip strip;
  strip.scale = amplitude / 127.0F;
  const float inverse = amplitude > 1e-35F ? 127.0F / amplitude : 0.0F;  // below: it overflows
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer
  constexpr int32_t kRoundBits = 0x4b400000;
  VecI halves[2] = {};
  for (int64_t i = 0; i < kVecs; ++i) {
    const VecI rounded = bits_as<VecI>(fma(values[i], splat(inverse), splat(kRound))) - kRoundBits;
    halves[2 * i / kVecs] += rounded;
    const auto bytes = __builtin_convertvector(rounded, VecI8);
    std::memcpy(packed + i * kLanes, &bytes, sizeof(bytes));
  }
  for (int h = 0; h < 2; ++h) strip.sums[h] = sum(halves[h]);
  return strip;
}

template <typename Format>
void pack_quantized(const RowPacking& p) {
  const int64_t rows = stored_rows(p.rows);
  // The last rows' packer also fills the group up: a scale of 0 makes sums of 0.
  const int64_t filled = p.last_row == p.rows ? rows : p.last_row;
  std::byte* packed = p.packed;
  for (int64_t n = 0; n < p.columns;
       n += kStripColumns, packed += packed_strip_bytes<Format>(rows)) {
    std::byte* scales = packed + rows * kStripColumns;
    std::byte* offsets = scales + 4 * rows;
    for (int64_t r = p.first_row; r < filled; ++r) {
      std::byte* values = packed + r * kStripColumns;
      PackedStrip strip{};
      if (r < p.last_row)
        strip = pack_strip(p.x + r * p.columns + n, values);
      else
        std::memset(values, 0, kStripColumns);
      std::memcpy(scales + 4 * r, &strip.scale, 4);
      const int32_t both = strip.sums[0] + strip.sums[1];
      if constexpr (Format::kMinimum) {
        const float weighed = strip.scale * static_cast<float>(both);
        std::memcpy(offsets + 4 * r, &weighed, 4);
      } else if constexpr (Format::kOffsets == 1) {
        const int32_t offset = -Format::kZeroPoint * both;
        std::memcpy(offsets + 4 * r, &offset, 4);
      } else {
        for (int h = 0; h < 2; ++h) {
          const int32_t offset = -Format::kZeroPoint * strip.sums[h];
          std::memcpy(offsets + 4 * (h * rows + r), &offset, 4);
        }
      }
    }
  }
}
