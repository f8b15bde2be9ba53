#include "text/utf8.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace stapes {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// What a lead byte promises. The range of the second byte rules out overlong forms, surrogates
// and code points above U+10FFFF (Unicode, table 3-7).
struct LeadByte {
  size_t length_bytes = 0;  // 0: cannot start a character
  uint8_t second_low = 0x80;
  uint8_t second_high = 0xbf;
};

LeadByte lead_byte(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xc2) return {0};
  if (byte < 0xe0) return {2};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

size_t skip_ascii(std::string_view text, size_t offset) {
  constexpr uint64_t kHighBits = 0x8080808080808080ULL;
  while (offset + sizeof(uint64_t) <= text.size()) {
    uint64_t word;
    std::memcpy(&word, text.data() + offset, sizeof word);
    if ((word & kHighBits) != 0) break;
    offset += sizeof word;
  }
  while (offset < text.size() && static_cast<uint8_t>(text[offset]) < 0x80) ++offset;
  return offset;
}

}  // namespace

Utf8Step utf8_step(std::string_view text, size_t offset) {
  const auto first = static_cast<uint8_t>(text[offset]);
  const LeadByte lead = lead_byte(first);
  if (lead.length_bytes == 0) return {0, 1, false, false};
  if (lead.length_bytes == 1) return {first, 1, true, false};

  auto code_point = static_cast<char32_t>(first & (0xff >> (lead.length_bytes + 1)));
  for (size_t i = 1; i < lead.length_bytes; ++i) {
    if (offset + i == text.size()) return {0, i, false, true};
    const auto byte = static_cast<uint8_t>(text[offset + i]);
    const uint8_t low = i == 1 ? lead.second_low : uint8_t{0x80};
    const uint8_t high = i == 1 ? lead.second_high : uint8_t{0xbf};
    if (byte < low || byte > high) return {0, i, false, false};
    code_point = code_point << 6 | (byte & 0x3f);
  }
  return {code_point, lead.length_bytes, true, false};
}

size_t find_invalid_utf8(std::string_view text) {
  size_t offset = skip_ascii(text, 0);
  while (offset < text.size()) {
    const Utf8Step step = utf8_step(text, offset);
    if (!step.valid) return offset;
    offset = skip_ascii(text, offset + step.length_bytes);
  }
  return std::string_view::npos;
}

bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

void append_utf8(std::string& text, char32_t code_point) {
  STAPES_CHECK(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff),
               "U+{:04X} is not a character", static_cast<uint32_t>(code_point));
  const auto put = [&](char32_t bits) { text.push_back(static_cast<char>(bits)); };
  const auto put_tail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put_tail(0);
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put_tail(6);
    put_tail(0);
  } else {
    put(0xf0 | code_point >> 18);
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string complete;
  size_t offset = 0;
  while (offset < pending_.size()) {
    const Utf8Step step = utf8_step(pending_, offset);
    if (step.incomplete) break;
    if (step.valid) {
      complete.append(pending_, offset, step.length_bytes);
    } else {
      complete += kReplacement;
    }
    offset += step.length_bytes;
  }
  pending_.erase(0, offset);
  return complete;
}

std::string Utf8Stream::finish() {
  if (pending_.empty()) return {};
  pending_.clear();
  return std::string(kReplacement);
}

}  // namespace stapes
