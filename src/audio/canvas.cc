#include "audio/canvas.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/check.h"
#include "base/file.h"

namespace stapes {
namespace {

constexpr int kGlyphWidth = 5, kGlyphHeight = 7, kGlyphAdvance = 6;

struct Glyph {
  char character;
  std::array<const char*, kGlyphHeight> rows;
};

// What the marks of a plot are made of: numbers and the units s, Hz, kHz, dB.
constexpr std::array<Glyph, 18> kFont{{
    {'0', {" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "}},
    {'1', {"  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "}},
    {'2', {" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"}},
    {'3', {" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "}},
    {'4', {"   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "}},
    {'5', {"#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "}},
    {'6', {"  ## ", " #   ", "#    ", "#### ", "#   #", "#   #", " ### "}},
    {'7', {"#####", "    #", "   # ", "   # ", "  #  ", "  #  ", "  #  "}},
    {'8', {" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "}},
    {'9', {" ### ", "#   #", "#   #", " ####", "    #", "   # ", " ##  "}},
    {'.', {"     ", "     ", "     ", "     ", "     ", " ##  ", " ##  "}},
    {'-', {"     ", "     ", "     ", "#####", "     ", "     ", "     "}},
    {'s', {"     ", "     ", " ####", "#    ", " ### ", "    #", "#### "}},
    {'k', {"#    ", "#    ", "#  # ", "# #  ", "##   ", "# #  ", "#  # "}},
    {'H', {"#   #", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"}},
    {'z', {"     ", "     ", "#####", "   # ", "  #  ", " #   ", "#####"}},
    {'d', {"    #", "    #", " ####", "#   #", "#   #", "#   #", " ####"}},
    {'B', {"#### ", "#   #", "#   #", "#### ", "#   #", "#   #", "#### "}},
}};

}  // namespace

Canvas::Canvas(int width, int height, Rgb background) : width_(width), height_(height) {
  STAPES_CHECK(width > 0 && height > 0, "{} x {}", width, height);
  pixels_.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) set(x, y, background);
}

void Canvas::set(int x, int y, Rgb color) {
  if (contains(x, y)) std::copy(color.begin(), color.end(), &pixels_[offset(x, y)]);
}

Rgb Canvas::get(int x, int y) const {
  STAPES_CHECK(contains(x, y), "({}, {}) in {} x {}", x, y, width_, height_);
  const size_t at = offset(x, y);
  return {pixels_[at], pixels_[at + 1], pixels_[at + 2]};
}

void Canvas::blend(int x, int y, Rgb color, double opacity) {
  if (!contains(x, y)) return;
  const Rgb below = get(x, y);
  Rgb mixed{};
  for (size_t i = 0; i < mixed.size(); ++i)
    mixed[i] = static_cast<uint8_t>(std::lround(below[i] + opacity * (color[i] - below[i])));
  set(x, y, mixed);
}

void Canvas::text(int left, int top, std::string_view text, Rgb color) {
  for (const char character : text) {
    const auto* glyph = std::find_if(kFont.begin(), kFont.end(),
                                     [&](const Glyph& g) { return g.character == character; });
    for (int y = 0; glyph != kFont.end() && y < kGlyphHeight * kFontScale; ++y)
      for (int x = 0; x < kGlyphWidth * kFontScale; ++x)
        if (glyph->rows[static_cast<size_t>(y / kFontScale)][x / kFontScale] == '#')
          set(left + x, top + y, color);
    left += kGlyphAdvance * kFontScale;
  }
}

int Canvas::text_width(std::string_view text) {
  if (text.empty()) return 0;
  return (static_cast<int>(text.size()) * kGlyphAdvance - (kGlyphAdvance - kGlyphWidth)) *
         kFontScale;
}

void Canvas::write_png(const std::filesystem::path& path) const {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  STAPES_CHECK(png_image_write_get_memory_size(image, size, 0, pixels_.data(), 0, nullptr) != 0,
               "{}", image.message);
  std::string bytes(size, '\0');
  STAPES_CHECK(
      png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels_.data(), 0, nullptr) != 0,
      "{}", image.message);
  bytes.resize(size);
  write_file_atomically(path, bytes);
}

}  // namespace stapes
