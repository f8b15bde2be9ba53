// UTF-8: validation, and a stream decoder that never hands out half a character.
#pragma once

#include <string>
#include <string_view>

namespace stapes {

bool is_valid_utf8(std::string_view text);
// Byte offset of the first byte that is not valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

// push() returns what is complete so far; bytes that can never become valid come out as U+FFFD,
// as `tokenizers` and Python's errors="replace" do. finish() flushes an incomplete tail as U+FFFD.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace stapes
