// UTF-8: validation, and a stream decoder that never hands out half a character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stapes {

// One step through bytes that should be UTF-8.
struct Utf8Step {
  char32_t code_point = 0;  // 0 unless valid
  // Bytes to go on by: those of the character, or the longest beginning of one (at least 1) that
  // cannot become valid; each such beginning counts as one U+FFFD (Unicode, "maximal subpart").
  size_t length_bytes = 0;
  bool valid = false;
  bool incomplete = false;  // not valid, but the text ends before that is certain
};
// `offset` must be inside the text.
Utf8Step utf8_step(std::string_view text, size_t offset);

bool is_valid_utf8(std::string_view text);
// Byte offset of the first byte that is not valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);
// Appends the bytes of a code point. Surrogates and numbers above U+10FFFF are our own bug.
void append_utf8(std::string& text, char32_t code_point);

// push() returns what is complete so far; bytes that can never become valid come out as U+FFFD,
// as `tokenizers` and Python's errors="replace" do. finish() flushes an incomplete tail as U+FFFD.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  std::string finish();

 private:
  std::string pending_;  // at most 3 bytes: the beginning of a character
};

}  // namespace stapes
