// The matrix unit of newer Intel processors (AMX).
#pragma once

#include <cstdint>

namespace stapes {

// Does this processor have tiles of 8-bit products, and may this process use them? Their registers
// are large, so that Linux gives them only to those who ask (Documentation/arch/x86/xstate.rst):
// the first call asks, for all threads.
bool has_matrix_unit();

// The shapes of the tile registers, as LDTILECFG reads them: at most 16 rows of at most 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int64_t tile_rows, int64_t tile_row_bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<uint16_t>(tile_row_bytes);
  }
};

}  // namespace stapes
