#include "audio/wav_header.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace stapes {
namespace {

constexpr int kMaxChunks = 4096;  // a file of empty chunks ends here, not after hours

struct Bytes12 {
  std::array<std::byte, 12> bytes{};
  std::string_view id(size_t offset) const {
    return {reinterpret_cast<const char*>(bytes.data()) + offset, 4};
  }
  int64_t u32(size_t offset) const {
    int64_t value = 0;
    for (size_t i = 4; i-- > 0;) value = value * 256 + std::to_integer<int64_t>(bytes[offset + i]);
    return value;
  }
};

std::optional<Bytes12> read_12(ByteSource& source, int64_t offset, size_t wanted = 12) {
  Bytes12 read;
  if (source.read_at(offset, std::span(read.bytes).first(wanted)) != wanted) return std::nullopt;
  return read;
}

// What ffmpeg, sox and arecord write when they cannot know: all ones, 2^31 - 4096, 2^31 - 1, 2^31.
bool is_placeholder(int64_t size) {
  constexpr std::array<int64_t, 4> kPlaceholders{0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000};
  return std::find(kPlaceholders.begin(), kPlaceholders.end(), size) != kPlaceholders.end();
}

// A placeholder counts only where the RIFF size is one too, so that a damaged or forged data size
// in an otherwise whole header is still a lie; and a data chunk of no bytes is one that was never
// completed only where the RIFF size ends before it does: otherwise there are no samples.
bool is_length_unknown(int64_t riff_size, int64_t data_size, int64_t data_offset) {
  constexpr int64_t kSmallestPlaceholder = 0x7FFFF000;
  if (data_size == 0) return riff_size + 8 <= data_offset || is_placeholder(riff_size);
  return is_placeholder(data_size) && riff_size >= kSmallestPlaceholder;
}

void patch_u32(PatchedSource& source, int64_t offset, int64_t value) {
  for (int64_t i = 0; i < 4; ++i)
    source.patch(offset + i, static_cast<std::byte>(value >> (8 * i) & 0xFF));
}

}  // namespace

std::optional<WavHeader> read_wav_header(ByteSource& source) {
  const auto riff = read_12(source, 0);
  if (!riff || riff->id(0) != "RIFF" || riff->id(8) != "WAVE") return std::nullopt;
  WavHeader header;
  int64_t offset = 12;
  for (int i = 0; i < kMaxChunks; ++i) {
    const auto chunk = read_12(source, offset, 8);
    if (!chunk) break;
    const int64_t size = chunk->u32(4);
    const int64_t body = offset + 8;
    if (chunk->id(0) == "fmt ") {
      if (const auto format = read_12(source, body)) header.sample_rate_hz = format->u32(4);
    } else if (chunk->id(0) == "data") {
      header.claimed_data_bytes = size;
      header.data_offset = body;
      header.found_data_bytes = source.size() - body;
      header.length_unknown = is_length_unknown(riff->u32(4), size, body);
      break;
    }
    offset = body + size + size % 2;  // chunks stand on even positions
  }
  return header;
}

PatchedSource with_known_length(ByteSource& source, const WavHeader& header) {
  PatchedSource repaired(source);
  const int64_t largest = 0xFFFFFFFF - header.data_offset;
  const int64_t data_bytes = std::min(header.found_data_bytes, largest);
  patch_u32(repaired, 4, header.data_offset - 8 + data_bytes);
  patch_u32(repaired, header.data_offset - 4, data_bytes);
  return repaired;
}

}  // namespace stapes
