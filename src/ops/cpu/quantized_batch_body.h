// Products of more than kRowGroup rows with quantized weights, for one level; and the choice by the
// number of rows. Included by the kernels_LEVEL.cc of the levels after quantized_body.h.
//
// A piece of the weights (kPartsTogether parts, some strips of each) is unpacked once, stays in the
// first-level cache, and is used by all rows.

template <typename Format, int64_t kCount>
struct Piece {
  alignas(64) typename Format::AStrip strips[kPartsTogether][kCount];
};

// What goes on beside the products of a piece, strip by strip; x: the strip of the group of rows.
template <typename Format>
struct FetchNextGroup {
  int64_t group_bytes;

  // A group's part of a piece is too short for the hardware to foresee the next one.
  [[gnu::always_inline]] void operator()(int64_t, const std::byte* x) const {
    for (int64_t line = 0; line < packed_strip_bytes<Format>(kRowGroup); line += kLineBytes)
      __builtin_prefetch(x + group_bytes + line, 0, 3);
  }
  void rest(int64_t) const {}
};

// The sums of a piece continue those of the pieces to its left, which wait in y.
template <typename Format, int kRows, int kParts, int64_t kCount, typename Beside>
void multiply_piece(const QuantizedProduct& p, const Piece<Format, kCount>& piece, int64_t count,
                    const std::byte* x, bool first, bool last, int64_t row, int64_t output,
                    const Beside beside) {
  Vec sums[kParts][kRows];
  float* y = p.y + row * p.outputs + output;
#pragma GCC unroll 8
  for (int i = 0; i < kParts; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      sums[i][r] = first ? splat(0.0F) : load(y + r * p.outputs + i * kLanes);
  }
  for (int64_t s = 0; s < count; ++s, x += packed_strip_bytes<Format>(kRows)) {
    const typename Format::AStrip* strips[kParts];
#pragma GCC unroll 8
    for (int i = 0; i < kParts; ++i) strips[i] = piece.strips[i] + s;
    accumulate<Format, kRows, kParts>(strips, x, sums);
    beside(s, x);
  }
  beside.rest(count);
#pragma GCC unroll 8
  for (int i = 0; i < kParts; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      if (last)
        finish(p, sums[i][r], row + r, output + i * kLanes);
      else
        store(sums[i][r], y + r * p.outputs + i * kLanes);
    }
  }
}

// Calls run<kCount>() for a count of 1..4.
template <typename Run>
void with_count(int64_t count, const Run& run) {
  switch (count) {
    case 1:
      return run.template operator()<1>();
    case 2:
      return run.template operator()<2>();
    case 3:
      return run.template operator()<3>();
    default:
      return run.template operator()<4>();
  }
}

template <typename Format>
constexpr int64_t kPieceStrips = 16 * kStripWords / Format::kWords;

template <typename Format>
void unpack_piece(const QuantizedProduct& p, int64_t first_part, int64_t parts, int64_t first_strip,
                  int64_t count, Piece<Format, kPieceStrips<Format>>& piece) {
  const int64_t strips = p.columns / kStripColumns;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t tile = (first_part + i) / kTileParts;
    const std::byte* block =
        p.tiles + (tile * strips + first_strip) / Format::kStrips * Format::kBytes;
    for (int64_t s = 0; s < count; s += Format::kStrips, block += Format::kBytes)
      Format::unpack(block, (first_part + i) % kTileParts, piece.strips[i] + s);
  }
}

template <typename Format, int kParts>
void multiply_parts(const QuantizedProduct& p, int64_t first_part) {
  Piece<Format, kPieceStrips<Format>> piece;
  const int64_t strips = p.columns / kStripColumns;
  for (int64_t first = 0; first < strips; first += kPieceStrips<Format>) {
    const int64_t count =
        first + kPieceStrips<Format> < strips ? kPieceStrips<Format> : strips - first;
    unpack_piece(p, first_part, kParts, first, count, piece);
    const std::byte* group = p.x;
    for (int64_t row = 0; row < p.rows; row += kRowGroup) {
      const int64_t rows = row + kRowGroup < p.rows ? kRowGroup : p.rows - row;
      const int64_t strip_bytes = packed_strip_bytes<Format>(rows);
      with_count(rows, [&]<int kRows>() {
        multiply_piece<Format, kRows, kParts>(
            p, piece, count, group + first * strip_bytes, first == 0, first + count == strips, row,
            first_part * kLanes, FetchNextGroup<Format>{strips * strip_bytes});
      });
      group += strips * strip_bytes;
    }
  }
}

template <typename Format>
void multiply_many(const QuantizedProduct& p) {
  const int64_t last = p.last_tile * kTileParts;
  int64_t part = p.first_tile * kTileParts;
  for (; part + kPartsTogether <= last; part += kPartsTogether)
    multiply_parts<Format, kPartsTogether>(p, part);
  for (; part < last; ++part) multiply_parts<Format, 1>(p, part);
}

// A batch of rows, too few to hide behind their products that weights are read and unpacked: while
// the i-th group of rows is multiplied, the i-th part of the next piece is unpacked, and that of
// the piece after it is fetched.
constexpr int64_t kMostBatchRows = 64;
constexpr int64_t kBatchStrips = 8;  // of a piece: two of them stay in the first-level cache

template <typename Format>
struct UnpackNextPiece {
  static constexpr int64_t kStripBytes = Format::kBytes / Format::kStrips;
  const std::byte* from;
  typename Format::AStrip* to;
  int64_t count;  // strips; 0: nothing is left to unpack
  int64_t part_of_tile;
  const std::byte* fetched;

  [[gnu::always_inline]] void unpack(int64_t s) const {
    if (s < count && s % Format::kStrips == 0)
      Format::unpack(from + s * kStripBytes, part_of_tile, to + s);
  }
  [[gnu::always_inline]] void fetch(int64_t s) const {
    if (s >= count) return;
#pragma GCC unroll 16
    for (int64_t line = 0; line < kStripBytes; line += kLineBytes)
      __builtin_prefetch(fetched + s * kStripBytes + line, 0, 3);
  }
  [[gnu::always_inline]] void operator()(int64_t s, const std::byte* = nullptr) const {
    unpack(s);
    fetch(s);
  }
  // The strips from `begin` on: the next piece may be longer than that which is multiplied.
  void rest(int64_t begin) const {
    for (int64_t s = begin; s < count; ++s) (*this)(s);
  }
};

// The pieces of a product in the order in which they are multiplied.
template <typename Format>
struct BatchPieces {
  const QuantizedProduct& p;
  int64_t strips;     // of a part
  int64_t last_part;  // where the last whole piece ends

  struct Place {
    int64_t part, strip;
  };
  Place after(const Place& at) const {
    if (at.strip + kBatchStrips < strips) return {at.part, at.strip + kBatchStrips};
    return {at.part + kPartsTogether, 0};
  }
  int64_t count(const Place& at) const {
    if (at.part >= last_part) return 0;
    return at.strip + kBatchStrips < strips ? kBatchStrips : strips - at.strip;
  }
  const std::byte* address(const Place& at, int64_t i) const {
    return p.tiles +
           ((at.part + i) / kTileParts * strips + at.strip) / Format::kStrips * Format::kBytes;
  }
  UnpackNextPiece<Format> unpacking(const Place& at, int64_t i,
                                    Piece<Format, kBatchStrips>& piece) const {
    return {.from = address(at, i),
            .to = piece.strips[i],
            .count = count(at),
            .part_of_tile = (at.part + i) % kTileParts,
            .fetched = address(after(at), i)};
  }
};

// All rows times the piece at `place`; meanwhile the one after it is unpacked into `next`.
template <typename Format>
void multiply_batch_piece(const BatchPieces<Format>& pieces,
                          const typename BatchPieces<Format>::Place& place,
                          const Piece<Format, kBatchStrips>& piece,
                          Piece<Format, kBatchStrips>& next) {
  const QuantizedProduct& p = pieces.p;
  const auto next_place = pieces.after(place);
  const int64_t count = pieces.count(place);
  const std::byte* group = p.x;
  int64_t i = 0;
  for (int64_t row = 0; row < p.rows; row += kRowGroup, ++i) {
    const int64_t rows = row + kRowGroup < p.rows ? kRowGroup : p.rows - row;
    const int64_t strip_bytes = packed_strip_bytes<Format>(rows);
    const auto unpacking =
        i < kPartsTogether ? pieces.unpacking(next_place, i, next) : UnpackNextPiece<Format>{};
    with_count(rows, [&]<int kRows>() {
      multiply_piece<Format, kRows, kPartsTogether>(
          p, piece, count, group + place.strip * strip_bytes, place.strip == 0,
          place.strip + count == pieces.strips, row, place.part * kLanes, unpacking);
    });
    group += pieces.strips * strip_bytes;
  }
  for (; i < kPartsTogether; ++i) pieces.unpacking(next_place, i, next).rest(0);
}

template <typename Format>
void multiply_batch(const QuantizedProduct& p) {
  const int64_t first_part = p.first_tile * kTileParts, last_part = p.last_tile * kTileParts;
  const int64_t rest = (last_part - first_part) % kPartsTogether;
  const BatchPieces<Format> pieces{p, p.columns / kStripColumns, last_part - rest};
  Piece<Format, kBatchStrips> memory[2];
  int turn = 0;
  typename BatchPieces<Format>::Place place{first_part, 0};
  for (int64_t i = 0; i < kPartsTogether; ++i) pieces.unpacking(place, i, memory[turn]).rest(0);
  for (; place.part < pieces.last_part; place = pieces.after(place), turn = 1 - turn)
    multiply_batch_piece(pieces, place, memory[turn], memory[1 - turn]);
  for (int64_t part = pieces.last_part; part < last_part; ++part)
    multiply_parts<Format, 1>(p, part);
}

template <typename Format>
void multiply_in_vectors(const QuantizedProduct& p) {
  if (p.rows > kMostBatchRows) return multiply_many<Format>(p);
  if (p.rows > kRowGroup) return multiply_batch<Format>(p);
  with_count(p.rows, [&]<int kRows>() { multiply_few<Format, kRows>(p); });
}
