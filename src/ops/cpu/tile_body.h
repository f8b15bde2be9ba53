// Products of many rows with quantized weights by the matrix unit (AMX: Intel's manual, chapter
// "Programming with Intel AMX"). Included by kernels_amx.cc after quantized_batch_body.h.
//
// A tile register holds up to 16 rows of 64 bytes. The vectors of a strip are one as they stand:
// each row has four neighbouring weights of 16 outputs. A group's rows of x are another, and their
// product is the sums of integers that the vector kernels have in registers, one vector a row. What
// follows is theirs: sums are scaled and added in f32 strip by strip, with the same bits.
//
// For a strip and 16 rows, the matrix unit and the storing of its sums take 29 cycles and scaling
// them takes 48 vector instructions, on an Emerald Rapids; there vectors have one port and not two
// while tiles are under way, so the sums of some strips are computed, and then scaled.

constexpr int64_t kTileGroup = 16;
// Storing a tile takes as long for one row as for 16: vectors are faster for fewer rows than this.
constexpr int64_t kFewestTileRows = 9;
static_assert(kTileParts == 1, "a strip of a tile of weights is a tile register");

// Q6_K has two scales a strip, and twice the sums to be stored and scaled: vectors are faster.
constexpr bool in_tiles(DType dtype, int64_t rows) {
  return dtype != DType::kQ6_K && rows >= kFewestTileRows;
}
constexpr int64_t quantized_row_group(DType dtype, int64_t rows) {
  return in_tiles(dtype, rows) ? kTileGroup : kRowGroup;
}

// Tile registers. Whole groups and the rest of the rows have their own.
constexpr int kWeightTile = 0;
template <bool kWhole>
constexpr int kRowsTile = kWhole ? 1 : 2;
template <bool kWhole>
constexpr int kSumsTile = kWhole ? 3 : 4;

template <int kTile>
inline void load_tile(const std::byte* rows, int64_t stride_bytes) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(rows), "r"(stride_bytes)
               : "memory");
}

template <int kTile>
inline void store_tile(int32_t* rows) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(rows), "r"(int64_t{kLineBytes})
               : "memory");
}

// sums = rows · weightsᵀ, of signed bytes.
template <int kSums, int kRows, int kWeights>
inline void multiply_tiles() {
  asm volatile("tilezero %%tmm%c0\n\ttdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kRows),
               "i"(kWeights));
}

// The tile registers, for whole groups and a last one of `rest` rows, for as long as the object
// lives. Then they are given up: full ones cost the kernel time at each change of threads.
class TileRegisters {
 public:
  explicit TileRegisters(int64_t rest) {
    TileShapes shapes;
    shapes.set(kWeightTile, kStripWords, kLineBytes);
    shapes.set(kRowsTile<true>, kTileGroup, kStripColumns);
    shapes.set(kSumsTile<true>, kTileGroup, kLineBytes);
    if (rest > 0) {
      shapes.set(kRowsTile<false>, rest, kStripColumns);
      shapes.set(kSumsTile<false>, rest, kLineBytes);
    }
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  ~TileRegisters() { asm volatile("tilerelease"); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// Weights as the matrix unit wants them, signed, so that nothing has to be added to a product.
// Those of Q4_K are so already.
template <typename Format>
struct InTiles {
  using Type = Format;
};

// As they are stored.
struct SignedQ8_0 : Q8_0 {
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t, Strip<1>* strip) {
    strip->scale[0] = load_f16(block);
    const std::byte* words = block + kTileRows * 2;
#pragma GCC unroll 8
    for (int64_t j = 0; j < kStripWords; ++j)
      strip->words[j] = load_words(words + j * kTileRows * 4);
  }
};
template <>
struct InTiles<Q8_0> {
  using Type = SignedQ8_0;
};

// 16 (q - 8) of the upper halves of the bytes.
inline VecI minus_eight(const VecI& v) {
  constexpr int kAndXor = 0x6a;  // (first & second) ^ third
  return (VecI)_mm512_ternarylogic_epi32((__m512i)v, _mm512_set1_epi8(static_cast<char>(0xf0)),
                                         _mm512_set1_epi8(static_cast<char>(0x80)), kAndXor);
}

// 16 times as large, which is one instruction; the scale makes up for it.
struct SignedQ4_0 : Q4_0 {
  [[gnu::always_inline]] static void unpack(const std::byte* block, int64_t, Strip<1>* strip) {
    strip->scale[0] = load_f16(block) * (1.0F / 16);
    const std::byte* words = block + kTileRows * 2;
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStripWords / 2; ++j) {
      const VecI pairs = load_words(words + j * kTileRows * 4);
      strip->words[j] = minus_eight(pairs << 4);
      strip->words[j + kStripWords / 2] = minus_eight(pairs);
    }
  }
};
template <>
struct InTiles<Q4_0> {
  using Type = SignedQ4_0;
};

// The integer sums of one strip, a vector for each row.
struct TileSums {
  alignas(64) int32_t of_row[kTileGroup][kLanes];
};

template <typename Format, bool kWhole>
[[gnu::always_inline]] inline void multiply_strip(const typename Format::AStrip& strip,
                                                  const std::byte* x, TileSums& sums) {
  load_tile<kRowsTile<kWhole>>(x, kStripColumns);
  load_tile<kWeightTile>(reinterpret_cast<const std::byte*>(strip.words), kLineBytes);
  multiply_tiles<kSumsTile<kWhole>, kRowsTile<kWhole>, kWeightTile>();
  store_tile<kSumsTile<kWhole>>(sums.of_row[0]);
}

// sums[r] += the scaled product of row r, as accumulate() of the vector kernels adds it.
template <typename Format, int kRows>
[[gnu::always_inline]] inline void scale_strip(const typename Format::AStrip& strip,
                                               const std::byte* x, const TileSums& products,
                                               Vec (&sums)[kRows]) {
  const std::byte* scales = x + kRows * kStripColumns;
  const std::byte* offsets = scales + 4 * kRows;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const VecI dots = load_words(reinterpret_cast<const std::byte*>(products.of_row[r]));
    const Vec scale = splat(load_one(scales + 4 * r));
    sums[r] = fma(to_float(dots), strip.scale[0] * scale, sums[r]);
    if constexpr (Format::kMinimum)
      sums[r] = fma(strip.scale[1], -splat(load_one(offsets + 4 * r)), sums[r]);
  }
}

// What is multiplied when: for a block of rows and of outputs, some strips of all of them at a
// time, a piece of one tile of weights after the other. The rows' strips, a piece and its sums stay
// in the first-level cache.
constexpr int64_t kBlockRows = 4 * kTileGroup;
constexpr int64_t kBlockTiles = 4;
constexpr int64_t kPieceOfTile = 8;  // strips

struct TilePlace {
  int64_t first_tile = 0;
  int64_t first_row = 0;
  int64_t first_strip = 0;
  int64_t tile = 0;  // of the block
};

// A group of rows, from the strips on that a piece is multiplied with.
struct TileGroup {
  const std::byte* x;
  int64_t row;
  int64_t rows;
};

template <typename Format>
struct TilePieces {
  const QuantizedProduct& p;
  int64_t strips = p.columns / kStripColumns;

  bool at_end(const TilePlace& at) const { return at.first_tile >= p.last_tile; }
  TilePlace after(TilePlace at) const {
    if (++at.tile < kBlockTiles && at.first_tile + at.tile < p.last_tile) return at;
    at.tile = 0;
    if ((at.first_strip += kPieceOfTile) < strips) return at;
    at.first_strip = 0;
    if ((at.first_row += kBlockRows) < p.rows) return at;
    return {.first_tile = at.first_tile + kBlockTiles};
  }
  int64_t count(const TilePlace& at) const {
    if (at_end(at)) return 0;
    return at.first_strip + kPieceOfTile < strips ? kPieceOfTile : strips - at.first_strip;
  }
  bool is_last(const TilePlace& at) const { return at.first_strip + kPieceOfTile >= strips; }
  const std::byte* address(const TilePlace& at) const {
    const int64_t strip = (at.first_tile + at.tile) * strips + at.first_strip;
    return p.tiles + strip / Format::kStrips * Format::kBytes;
  }
  UnpackNextPiece<Format> unpacking(const TilePlace& at, typename Format::AStrip* to) const {
    return {.from = address(at),
            .to = to,
            .count = count(at),
            .part_of_tile = 0,
            .fetched = address(after(at))};
  }
  TileGroup group(const TilePlace& at, int64_t row) const {
    const int64_t rows = row + kTileGroup < p.rows ? kTileGroup : p.rows - row;
    const std::byte* x = p.x + row * strips * packed_strip_bytes<Format>(1);
    return {x + at.first_strip * packed_strip_bytes<Format>(stored_rows(rows)), row, rows};
  }
};

// One piece times one group; meanwhile the next piece is unpacked and the one after it fetched. The
// sums go on from `partial` [kRows, kLanes], what the strips to the left gave: rows of y lie so far
// apart that they would drive each other out of the cache.
template <typename Format, int kRows>
void multiply_tile_piece(const TilePieces<Format>& pieces, const TilePlace& place,
                         const typename Format::AStrip* strips, const TileGroup& group,
                         float* partial, const UnpackNextPiece<Format>& next) {
  constexpr int64_t kXBytes = packed_strip_bytes<Format>(kRows);
  const int64_t count = pieces.count(place);
  TileSums products[kPieceOfTile];
  for (int64_t s = 0; s < count; ++s) {
    next.fetch(s);
    multiply_strip<Format, kRows == kTileGroup>(strips[s], group.x + s * kXBytes, products[s]);
  }
  Vec sums[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    sums[r] = place.first_strip == 0 ? splat(0.0F) : load(partial + r * kLanes);
  for (int64_t s = 0; s < count; ++s) {
    next.unpack(s);
    scale_strip<Format, kRows>(strips[s], group.x + s * kXBytes, products[s], sums);
  }
  next.rest(count);
  const int64_t output = (place.first_tile + place.tile) * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    if (!pieces.is_last(place))
      store(sums[r], partial + r * kLanes);
    else if (r < group.rows)
      finish(pieces.p, sums[r], group.row + r, output);
  }
}

// Calls run<kRows>() for the rows that a group is stored as.
template <typename Run>
void with_tile_rows(int64_t rows, const Run& run) {
  switch (stored_rows(rows)) {
    case 8:
      return run.template operator()<8>();
    case 12:
      return run.template operator()<12>();
    case 16:
      return run.template operator()<16>();
    default:
      return with_count(rows, run);
  }
}

template <typename Format>
void multiply_in_tiles(const QuantizedProduct& p) {
  const TileRegisters registers(stored_rows(p.rows % kTileGroup));
  const TilePieces<Format> pieces{p};
  alignas(64) typename Format::AStrip memory[2][kPieceOfTile];
  alignas(64) float partial[kBlockTiles][kBlockRows][kLanes];
  int turn = 0;
  TilePlace place{.first_tile = p.first_tile};
  pieces.unpacking(place, memory[turn]).rest(0);
  for (; !pieces.at_end(place); place = pieces.after(place), turn = 1 - turn) {
    auto next = pieces.unpacking(pieces.after(place), memory[1 - turn]);
    for (int64_t row = place.first_row; row < place.first_row + kBlockRows && row < p.rows;
         row += kTileGroup) {
      const TileGroup group = pieces.group(place, row);
      with_tile_rows(group.rows, [&]<int kRows>() {
        multiply_tile_piece<Format, kRows>(pieces, place, memory[turn], group,
                                           partial[place.tile][row - place.first_row], next);
      });
      next.count = 0;  // done, beside the first group
    }
  }
}

template <typename Format>
void multiply_quantized(const QuantizedProduct& p) {
  if constexpr (in_tiles(Format::kDType, kTileGroup)) {
    if (in_tiles(Format::kDType, p.rows))
      return multiply_in_tiles<typename InTiles<Format>::Type>(p);
  }
  multiply_in_vectors<Format>(p);
}
