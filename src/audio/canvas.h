// A small RGB picture to draw plots on: pixels, lines, text in a built-in 5 x 7 font, and out as
// PNG.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace stapes {

using Rgb = std::array<uint8_t, 3>;

class Canvas {
 public:
  static constexpr int kFontScale = 2;  // pixels per dot of the font
  static constexpr int kTextHeight = 7 * kFontScale;

  Canvas(int width, int height, Rgb background);
  int width() const { return width_; }
  int height() const { return height_; }

  // What lies outside the picture is not drawn.
  void set(int x, int y, Rgb color);
  Rgb get(int x, int y) const;
  // Mixes `color` into what is there; opacity in [0, 1].
  void blend(int x, int y, Rgb color, double opacity);
  // left, top: the text's upper left corner. Characters the font lacks are left blank.
  void text(int left, int top, std::string_view text, Rgb color);
  static int text_width(std::string_view text);

  // Atomic; throws kIo.
  void write_png(const std::filesystem::path& path) const;

 private:
  size_t offset(int x, int y) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x)) * 3;
  }
  bool contains(int x, int y) const { return x >= 0 && x < width_ && y >= 0 && y < height_; }

  int width_, height_;
  std::vector<uint8_t> pixels_;  // [height, width, 3]
};

}  // namespace stapes
