#include "text/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/fail.h"
#include "text/utf8.h"

namespace stapes {
namespace {

bool is_inert_at_a_glance(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    if (static_cast<uint8_t>(text[offset]) < 0x80) {
      ++offset;
      continue;
    }
    const Utf8Step step = utf8_step(text, offset);
    if (!is_nfc_inert(step.code_point)) return false;
    offset += step.length_bytes;
  }
  return true;
}

}  // namespace

bool is_nfc_inert(char32_t code_point) {
  const auto between = [=](char32_t low, char32_t high) {
    return code_point >= low && code_point <= high;
  };
  return code_point < 0x300             // Latin; composed letters stay composed
         || between(0x400, 0x482)       // Cyrillic, without its combining marks
         || between(0x48a, 0x52f)       //
         || between(0x2010, 0x205e)     // punctuation
         || between(0x3001, 0x3029)     // CJK punctuation
         || between(0x3041, 0x3096)     // Hiragana
         || between(0x309b, 0x30ff)     // Katakana, without the combining sound marks before it
         || between(0x4e00, 0x9fff)     // CJK ideographs
         || between(0xac00, 0xd7a3)     // Hangul syllables
         || between(0xff01, 0xff60)     // full-width forms
         || between(0x1f300, 0x1faff);  // emoji
}

std::string to_nfc(std::string_view text) {
  utf8proc_uint8_t* normalized = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &normalized,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(normalized, &std::free);
  if (length < 0) {
    fail(ErrorCode::kInvalidText, "Unicode normalization failed on a text of {} bytes: {}",
         text.size(), utf8proc_errmsg(length));
  }
  return {reinterpret_cast<const char*>(normalized), static_cast<size_t>(length)};
}

std::string_view to_nfc(std::string_view text, std::string& storage) {
  if (is_inert_at_a_glance(text)) return text;
  storage = to_nfc(text);
  return storage;
}

}  // namespace stapes
