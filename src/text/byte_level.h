// The byte-level alphabet of tokenizer.json: each byte is written as one printable character, so
// that a token of any bytes is a JSON string. Printable Latin-1 bytes stand for themselves, the
// other 68 (in rising order) are U+0100, U+0101, ...; a space is U+0120.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stapes {

char32_t byte_level_character(uint8_t byte);
std::optional<uint8_t> byte_of_character(char32_t character);

std::string to_byte_level(std::string_view bytes);
// Nothing if a character is not one of the 256.
std::optional<std::string> from_byte_level(std::string_view token);

}  // namespace stapes
