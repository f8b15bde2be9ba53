// Base64 as clients write it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stapes::serve {

// The standard and the URL-safe alphabet, with or without padding, white space anywhere. Throws
// Error: kInvalidText (what is wrong, and where), kTooLarge (over max_bytes when decoded; no memory
// is taken).
std::string decode_base64(std::string_view text, size_t max_bytes);

}  // namespace stapes::serve
