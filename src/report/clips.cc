#include "report/clips.h"

#include <fmt/format.h>

#include "base/file.h"
#include "stapes/error.h"

namespace stapes::report {

namespace fs = std::filesystem;

namespace {

// As an URL: what could end it or mean something else is written by its number.
std::string url_path(const std::string& path) {
  std::string url;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-_.~").find(c) != std::string_view::npos;
    if (plain)
      url += c;
    else
      url += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return url;
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kLetters[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string audio_type(std::string_view bytes) {
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WAVE")) return "audio/wav";
  if (bytes.starts_with("fLaC")) return "audio/flac";
  if (bytes.starts_with("OggS")) return "audio/ogg";
  const bool frame = bytes.size() > 1 && static_cast<unsigned char>(bytes[0]) == 0xff &&
                     (static_cast<unsigned char>(bytes[1]) & 0xe0) == 0xe0;
  return bytes.starts_with("ID3") || frame ? "audio/mpeg" : "";
}

const EmbeddedClip& ClipShelf::get(const fs::path& path) {
  const auto [found, is_new] = clips_.try_emplace(path.lexically_normal());
  if (is_new) found->second = embed(path);
  return found->second;
}

EmbeddedClip ClipShelf::embed(const fs::path& path) {
  EmbeddedClip clip;
  std::error_code error;
  fs::path relative = fs::proximate(path, page_folder_, error);
  clip.link = error ? "" : url_path(relative.string());
  // A page on the disk is opened as file:///...: so is an absolute path.
  if (clip.link.starts_with('/')) clip.link = "file://" + clip.link;
  try {
    const std::string bytes = read_file(path, room_bytes_);
    const std::string type = audio_type(bytes);
    if (type.empty()) {
      clip.note = "not a sound that browsers play";
      return clip;
    }
    room_bytes_ -= bytes.size();
    clip.data = fmt::format("data:{};base64,{}", type, base64(bytes));
    clip.link.clear();
  } catch (const Error& problem) {
    const bool is_large = problem.code() == ErrorCode::kTooLarge;
    clip.note = is_large ? "not in this page, which would become too large" : problem.what();
    if (!is_large) clip.link.clear();
  }
  return clip;
}

}  // namespace stapes::report
