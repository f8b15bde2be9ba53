#include "text/byte_level.h"

#include <array>

#include "text/utf8.h"

namespace stapes {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

constexpr char32_t kFirstShifted = 0x100;
constexpr size_t kCharacterLimit = 0x144;  // one more than the last shifted character

constexpr std::array<char32_t, 256> make_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next_shifted = kFirstShifted;
  for (int byte = 0; byte < 256; ++byte) {
    characters[static_cast<size_t>(byte)] =
        stands_for_itself(byte) ? static_cast<char32_t>(byte) : next_shifted++;
  }
  return characters;
}
constexpr auto kCharacters = make_characters();

constexpr std::array<int16_t, kCharacterLimit> make_bytes() {
  std::array<int16_t, kCharacterLimit> bytes{};
  bytes.fill(-1);
  for (size_t byte = 0; byte < 256; ++byte) bytes[kCharacters[byte]] = static_cast<int16_t>(byte);
  return bytes;
}
constexpr auto kBytes = make_bytes();

}  // namespace

char32_t byte_level_character(uint8_t byte) {
  return kCharacters[byte];
}

std::optional<uint8_t> byte_of_character(char32_t character) {
  if (character >= kCharacterLimit || kBytes[character] < 0) return std::nullopt;
  return static_cast<uint8_t>(kBytes[character]);
}

std::string to_byte_level(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(token, kCharacters[static_cast<uint8_t>(byte)]);
  return token;
}

std::optional<std::string> from_byte_level(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (size_t offset = 0; offset < token.size();) {
    const Utf8Step step = utf8_step(token, offset);
    const auto byte = step.valid ? byte_of_character(step.code_point) : std::nullopt;
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    offset += step.length_bytes;
  }
  return bytes;
}

}  // namespace stapes
