#include "audio/mel_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "audio/audio_test_files.h"
#include "audio/canvas.h"
#include "audio/mel_scale.h"

namespace stapes {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;
  Rgb at(int x, int y) const {
    const auto i = static_cast<size_t>(y * width + x) * 3;
    return {rgb[i], rgb[i + 1], rgb[i + 2]};
  }
  int brightness(int x, int y) const {
    const Rgb color = at(x, y);
    return 2 * color[0] + 7 * color[1] + color[2];
  }
};

Picture read_png(const fs::path& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  Picture picture;
  if (png_image_begin_read_from_file(&image, path.c_str()) == 0) {
    ADD_FAILURE() << path << ": " << image.message;
    return picture;
  }
  image.format = PNG_FORMAT_RGB;
  picture.width = static_cast<int>(image.width);
  picture.height = static_cast<int>(image.height);
  picture.rgb.resize(PNG_IMAGE_SIZE(image));
  EXPECT_NE(png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr), 0);
  return picture;
}

// Where the plot lies: what the header of mel_image.h leaves free around it.
constexpr int kLeft = 96, kTop = 20, kHeight = 384, kRight = 132;

using MelImage = AudioFilesTest;

Picture draw(const fs::path& path, const std::vector<float>& samples) {
  write_mel_png(path, LogMel(128).compute(samples));
  return read_png(path);
}

TEST_F(MelImage, AShortClipIsEnlargedAndALongOneIsNotEndless) {
  const Picture one = draw(path("one.png"), {0.5F});
  EXPECT_EQ(one.width, kLeft + 720 + kRight);
  EXPECT_GE(one.height, 256);
  const Picture second = draw(path("5.png"), sine(440, 16000, 5 * 16000));
  EXPECT_EQ(second.width, kLeft + 2 * 502 + kRight);
  const Picture minutes = draw(path("300.png"), sine(440, 16000, 300 * 16000));
  EXPECT_EQ(minutes.width, kLeft + 1440 + kRight);
  EXPECT_EQ(minutes.height, one.height);
}

TEST_F(MelImage, ATonesBrightRowIsAtItsFrequencyFromBelow) {
  for (const double hz : {300.0, 1000.0, 6000.0}) {
    const Picture picture = draw(path("tone.png"), sine(hz, 16000, 16000));
    int brightest = kTop;
    for (int y = kTop; y < kTop + kHeight; ++y)
      if (picture.brightness(kLeft + 301, y) > picture.brightness(kLeft + 301, brightest))
        brightest = y;
    const double band = (kTop + kHeight - brightest) * 128.0 / kHeight - 0.5;
    EXPECT_NEAR(band, mel_band_at_hz(hz, 128), 1.5) << hz;
  }
}

TEST_F(MelImage, TimeRunsToTheRight) {
  std::vector<float> samples(16000);
  const std::vector<float> tone = sine(1000, 16000, 4000);
  std::copy(tone.begin(), tone.end(), samples.begin() + 12000);  // 0.75 to 1 s of 1.02 s
  const Picture picture = draw(path("late.png"), samples);
  const int row = kTop + kHeight - static_cast<int>((mel_band_at_hz(1000, 128) + 0.5) * 3);
  EXPECT_GT(picture.brightness(kLeft + 610, row), 2 * picture.brightness(kLeft + 400, row));
  EXPECT_EQ(picture.at(kLeft + 100, row - 2), picture.at(kLeft + 400, row - 2));
}

TEST_F(MelImage, LouderIsBrighterAllAlongTheScale) {
  const Picture picture = draw(path("scale.png"), sine(440, 16000, 16000));
  const int x = picture.width - kRight + 25;
  for (int y = kTop + 1; y < kTop + kHeight; ++y)
    ASSERT_LE(picture.brightness(x, y), picture.brightness(x, y - 1) + 2) << y;
  EXPECT_GT(picture.brightness(x, kTop), 10 * 220);
  EXPECT_LT(picture.brightness(x, kTop + kHeight - 1), 10 * 20);
}

TEST_F(MelImage, NothingToDraw) {
  const Error error = error_of([&] { write_mel_png(path("a.png"), LogMel(128).compute({})); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidAudio);
  EXPECT_THAT(error.what(), HasSubstr("expected a spectrogram to draw, got 0 frames of 128 bands"));
  EXPECT_FALSE(fs::exists(path("a.png")));
}

TEST_F(MelImage, NowhereToWrite) {
  const Error error = error_of([&] { draw(path("none/a.png"), {0.5F}); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.what(), HasSubstr("none/a.png"));
}

TEST(CanvasTest, TextIsDrawnWhereItIsAskedForAndCutAtTheBorder) {
  constexpr Rgb kBlack{0, 0, 0}, kRed{255, 0, 0};
  Canvas canvas(40, 20, kBlack);
  canvas.text(2, 3, "-", kRed);  // its bar is the fourth of seven rows of dots, five dots wide
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 40; ++x) {
      const bool in_bar = x >= 2 && x < 12 && y >= 9 && y < 11;
      ASSERT_EQ(canvas.get(x, y), in_bar ? kRed : kBlack) << x << ' ' << y;
    }
  canvas.text(-5, -5, "8888888888", kRed);
  canvas.text(35, 15, "8", kRed);
  canvas.blend(0, 19, {100, 200, 50}, 0.5);
  EXPECT_EQ(canvas.get(0, 19), (Rgb{50, 100, 25}));
  EXPECT_EQ(Canvas::text_width("8 Hz"), (3 * 6 + 5) * 2);
  EXPECT_EQ(Canvas::text_width(""), 0);
}

TEST(MelScale, IsSlaneysAndItsOwnInverse) {
  EXPECT_DOUBLE_EQ(hz_to_mel(200), 3);
  EXPECT_DOUBLE_EQ(hz_to_mel(1000), 15);
  EXPECT_DOUBLE_EQ(hz_to_mel(6400), 42);
  for (const double hz : {0.0, 40.0, 999.0, 1000.0, 1001.0, 8000.0})
    EXPECT_NEAR(mel_to_hz(hz_to_mel(hz)), hz, 1e-9);
  EXPECT_NEAR(mel_band_at_hz(mel_band_centre_hz(17.5, 80), 80), 17.5, 1e-9);
}

}  // namespace
}  // namespace stapes
