// Unicode normal form C, which the Qwen2 family applies to text before it is cut into pieces.
#pragma once

#include <string>
#include <string_view>

namespace stapes {

// True for characters that NFC neither changes nor joins with anything before them: in text of only
// such characters nothing is to be done. False for some harmless ones; then the slow way is taken.
bool is_nfc_inert(char32_t code_point);

// `text` must be valid UTF-8. Unicode version: that of libutf8proc.
std::string to_nfc(std::string_view text);
// `text` itself where it is in NFC at a glance, else its NFC in `storage`.
std::string_view to_nfc(std::string_view text, std::string& storage);

}  // namespace stapes
