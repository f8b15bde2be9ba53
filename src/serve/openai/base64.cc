#include "serve/openai/base64.h"

#include <array>
#include <cstdint>

#include "base/fail.h"

namespace stapes::serve {
namespace {

constexpr uint8_t kOther = 255, kSpace = 254, kPadding = 253;

constexpr std::array<uint8_t, 256> make_table() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::array<uint8_t, 256> table{};
  table.fill(kOther);
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    table[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  for (const char space : {' ', '\t', '\r', '\n'}) table[static_cast<uint8_t>(space)] = kSpace;
  table['='] = kPadding;
  return table;
}
constexpr std::array<uint8_t, 256> kTable = make_table();

struct Counts {
  size_t digits = 0;
  size_t padding = 0;
};

Counts check(std::string_view text) {
  Counts counts;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t value = kTable[static_cast<uint8_t>(text[i])];
    if (value == kSpace) continue;
    if (value == kOther)
      fail(ErrorCode::kInvalidText, "expected base64, but character {} is none of its alphabet", i);
    if (value == kPadding) {
      ++counts.padding;
    } else if (counts.padding > 0) {
      fail(ErrorCode::kInvalidText, "expected base64, but it goes on after its padding at {}", i);
    } else {
      ++counts.digits;
    }
  }
  const bool padded_right =
      counts.padding == 0 || (counts.padding <= 2 && (counts.digits + counts.padding) % 4 == 0);
  if (counts.digits % 4 == 1 || !padded_right)
    fail(ErrorCode::kInvalidText,
         "expected base64, but {} characters and {} of padding cannot be whole bytes",
         counts.digits, counts.padding);
  return counts;
}

}  // namespace

std::string decode_base64(std::string_view text, size_t max_bytes) {
  const size_t bytes = check(text).digits * 3 / 4;
  if (bytes > max_bytes)
    fail(ErrorCode::kTooLarge, "expected at most {} bytes, got {}", max_bytes, bytes);
  std::string decoded;
  decoded.reserve(bytes);
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    const uint8_t value = kTable[static_cast<uint8_t>(c)];
    if (value >= kPadding) continue;
    bits = (bits << 6) | value;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    decoded.push_back(static_cast<char>((bits >> bit_count) & 0xFF));
  }
  return decoded;
}

}  // namespace stapes::serve
