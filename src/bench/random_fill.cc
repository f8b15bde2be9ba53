#include "bench/random_fill.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/rng.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

// Keyed by chunk, so that the threads don't matter. Divisible by the size of every element.
constexpr size_t kChunkBytes = size_t{1} << 16;
constexpr int64_t kChunkBlocks = 64;  // tiles of one block of columns
constexpr uint64_t kSeed = 1;

// What a random byte stands for: 256 values evenly over [-sqrt(3), sqrt(3)] times the deviation.
template <typename Element, typename Convert>
std::array<Element, 256> palette(double deviation, const Convert& convert) {
  std::array<Element, 256> values;
  for (size_t i = 0; i < values.size(); ++i) {
    const double even = (static_cast<double>(i) + 0.5) / 128.0 - 1.0;
    values[i] = convert(static_cast<float>(deviation * std::sqrt(3.0) * even));
  }
  return values;
}

template <typename Element>
void fill_from_palette(const std::array<Element, 256>& values, uint64_t stream, ThreadPool& pool,
                       std::span<std::byte> out) {
  STAPES_CHECK(out.size() % sizeof(Element) == 0);
  const auto chunks = static_cast<int64_t>((out.size() + kChunkBytes - 1) / kChunkBytes);
  pool.parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      Rng rng(kSeed, stream, static_cast<uint64_t>(chunk));
      const size_t first = static_cast<size_t>(chunk) * kChunkBytes;
      auto* elements = reinterpret_cast<Element*>(out.data() + first);
      const size_t count = std::min(kChunkBytes, out.size() - first) / sizeof(Element);
      uint64_t bits = 0;
      for (size_t i = 0; i < count; ++i, bits >>= 8) {
        if (i % 8 == 0) bits = rng.next();
        elements[i] = values[bits & 0xff];
      }
    }
  });
}

// Where the f16 scales of 16 rows stand in a tile of one block of columns, and what a weight is in
// units of its scale if all other bits are random.
struct BlockStatistics {
  int64_t scale_offset_bytes;  // of the first row's scale
  int64_t scale_stride_bytes;  // from row to row
  double deviation_in_scales;
  double minimum_in_scales;  // Q4_K: dmin / d; else 0
};

BlockStatistics block_statistics(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:  // evenly in [-127, 127]
      return {0, 2, 73.6, 0};
    case DType::kQ4_0:  // evenly in [-8, 7]
      return {0, 2, 4.6, 0};
    case DType::kQ4_K:
      // d and dmin of a row are one unit. Sub-scales and minima evenly in [0, 63], quants in
      // [0, 15]: dmin = 7.5 d makes the mean 0.
      return {0, 4, 258.0, 7.5};
    case DType::kQ6_K:  // sub-scales evenly in [-128, 127], quants in [-32, 31]; d comes last
      return {208 * kTileRows, 2, 1365.0, 0};
    default:
      STAPES_CHECK(false, "{} has no blocks", name(dtype));
      return {};
  }
}

// Half of the scales are negative, as Q4_0's may be: else the quants' mean of -1/2 would add up.
void write_scales(const BlockStatistics& statistics, double scale, uint64_t signs,
                  std::byte* tile_block) {
  for (int64_t row = 0; row < kTileRows; ++row) {
    const double sign = (signs >> row & 1) != 0 ? 1.0 : -1.0;
    const std::array<uint16_t, 2> bits = {
        f32_to_f16(static_cast<float>(sign * scale)),
        f32_to_f16(static_cast<float>(sign * scale * statistics.minimum_in_scales))};
    std::byte* at =
        tile_block + statistics.scale_offset_bytes + row * statistics.scale_stride_bytes;
    std::memcpy(at, bits.data(), statistics.minimum_in_scales != 0 ? 4 : 2);
  }
}

void fill_tile_block(DType dtype, const BlockStatistics& statistics, double scale, Rng& rng,
                     std::span<std::byte> tile_block) {
  for (size_t i = 0; i < tile_block.size(); i += sizeof(uint64_t)) {
    const uint64_t bits = rng.next();
    std::memcpy(tile_block.data() + i, &bits, std::min(sizeof bits, tile_block.size() - i));
  }
  if (dtype == DType::kQ8_0) {  // the format has no -128
    for (std::byte& quant : tile_block)
      if (quant == std::byte{0x80}) quant = std::byte{0x81};
  }
  write_scales(statistics, scale, rng.next(), tile_block.data());
}

void fill_blocks(DType dtype, double deviation, uint64_t stream, ThreadPool& pool,
                 std::span<std::byte> out) {
  const BlockStatistics statistics = block_statistics(dtype);
  const double scale = deviation / statistics.deviation_in_scales;
  const auto block_bytes = static_cast<size_t>(kTileRows * block_format(dtype).bytes);
  STAPES_CHECK(out.size() % block_bytes == 0, "{} bytes are no tiles of {}", out.size(),
               name(dtype));
  const auto blocks = static_cast<int64_t>(out.size() / block_bytes);
  const int64_t chunks = (blocks + kChunkBlocks - 1) / kChunkBlocks;
  pool.parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      Rng rng(kSeed, stream, static_cast<uint64_t>(chunk));
      const int64_t last = std::min((chunk + 1) * kChunkBlocks, blocks);
      for (int64_t block = chunk * kChunkBlocks; block < last; ++block) {
        fill_tile_block(dtype, statistics, scale, rng,
                        out.subspan(static_cast<size_t>(block) * block_bytes, block_bytes));
      }
    }
  });
}

}  // namespace

void fill_random(DType dtype, double deviation, uint64_t stream, ThreadPool& pool,
                 std::span<std::byte> out) {
  switch (dtype) {
    case DType::kF32:
      return fill_from_palette(palette<float>(deviation, [](float value) { return value; }), stream,
                               pool, out);
    case DType::kF16:
      return fill_from_palette(palette<uint16_t>(deviation, f32_to_f16), stream, pool, out);
    case DType::kBF16:
      return fill_from_palette(palette<uint16_t>(deviation, f32_to_bf16), stream, pool, out);
    default:
      return fill_blocks(dtype, deviation, stream, pool, out);
  }
}

}  // namespace stapes
