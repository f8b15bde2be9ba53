#include "audio/mel_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "audio/canvas.h"
#include "audio/mel_scale.h"
#include "base/fail.h"

namespace stapes {
namespace {

constexpr double kFrameSeconds = 0.01;
constexpr int kMinPlotWidth = 720, kMaxPlotWidth = 1440, kPlotHeight = 384;
constexpr int kLeftMargin = 96, kRightMargin = 132, kTopMargin = 20, kBottomMargin = 44;
constexpr int kScaleGap = 20, kScaleWidth = 18;  // the colour scale, right of the plot
constexpr int kTickLength = 6, kTextGap = 5;
constexpr int kMinTimeTickDistance = 90;  // pixels
// The front end keeps 8 powers of ten below the clip's maximum and divides by 4: 2 units, 80 dB.
constexpr double kShownUnits = 2.0, kDecibelsPerUnit = 40.0;
constexpr Rgb kBackground{18, 18, 24}, kText{205, 205, 212}, kWhite{255, 255, 255};

uint8_t to_srgb(double linear) {
  const double x = std::clamp(linear, 0.0, 1.0);
  const double encoded = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(255 * encoded));
}

// OKLab (Ottosson 2020) to sRGB; its L is the perceived lightness.
Rgb from_oklab(double lightness, double a, double b) {
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {to_srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          to_srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          to_srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

// Equal steps of loudness are equal steps of lightness, so the picture also reads in grey; the hue
// goes the way of embers, from blue-black over violet and red to pale yellow.
Rgb color_of(double loudness) {
  struct Stop {
    double chroma, hue_degrees;
  };
  constexpr std::array<Stop, 6> kStops{
      {{0.045, 285}, {0.125, 297}, {0.170, 335}, {0.190, 385}, {0.150, 425}, {0.075, 465}}};
  const double t = std::clamp(loudness, 0.0, 1.0);
  const double place = t * (kStops.size() - 1);
  const auto index = std::min(static_cast<size_t>(place), kStops.size() - 2);
  const double part = place - static_cast<double>(index);
  const double chroma = std::lerp(kStops[index].chroma, kStops[index + 1].chroma, part);
  const double hue =
      std::lerp(kStops[index].hue_degrees, kStops[index + 1].hue_degrees, part) * M_PI / 180;
  return from_oklab(std::lerp(0.14, 0.97, t), chroma * std::cos(hue), chroma * std::sin(hue));
}

// `count` values at equal distances over a row of `size`: the mean of those that fall on one place
// where there are more of them, linear in between where there are fewer.
template <typename Value>
std::vector<double> stretch(int64_t size, int count, const Value& value) {
  const double step = static_cast<double>(size) / count;
  std::vector<double> out;
  for (int i = 0; i < count; ++i) {
    if (step > 1) {
      const auto begin = static_cast<int64_t>(i * step);
      const auto end = std::max(begin + 1, static_cast<int64_t>((i + 1) * step));
      double sum = 0;
      for (int64_t k = begin; k < end; ++k) sum += value(k);
      out.push_back(sum / static_cast<double>(end - begin));
    } else {
      const double place = std::clamp((i + 0.5) * step - 0.5, 0.0, static_cast<double>(size - 1));
      const auto below = static_cast<int64_t>(place);
      const auto above = std::min(below + 1, size - 1);
      out.push_back(std::lerp(value(below), value(above), place - static_cast<double>(below)));
    }
  }
  return out;
}

class MelPlot {
 public:
  explicit MelPlot(const MelSpectrogram& mel)
      : mel_(mel),
        width_(static_cast<int>(std::clamp<int64_t>(2 * mel.frames, kMinPlotWidth, kMaxPlotWidth))),
        canvas_(kLeftMargin + width_ + kRightMargin, kTopMargin + kPlotHeight + kBottomMargin,
                kBackground) {}

  const Canvas& draw() {
    draw_spectrogram();
    draw_frequencies();
    draw_times();
    draw_scale();
    return canvas_;
  }

 private:
  static constexpr int kBottom = kTopMargin + kPlotHeight;  // first row below the plot

  void draw_spectrogram() {
    const auto loudest = *std::max_element(mel_.values.begin(), mel_.values.end());
    std::vector<std::vector<double>> rows;  // [M, width]
    for (int64_t band = 0; band < mel_.bands; ++band)
      rows.push_back(stretch(mel_.frames, width_, [&](int64_t frame) {
        return static_cast<double>(mel_.frame(frame)[static_cast<size_t>(band)]);
      }));
    for (int x = 0; x < width_; ++x) {
      const auto column = stretch(mel_.bands, kPlotHeight, [&](int64_t band) {
        return rows[static_cast<size_t>(band)][static_cast<size_t>(x)];
      });
      for (int y = 0; y < kPlotHeight; ++y)
        canvas_.set(kLeftMargin + x, kBottom - 1 - y,
                    color_of(1 - (loudest - column[static_cast<size_t>(y)]) / kShownUnits));
    }
  }

  void draw_frequencies() {
    for (const int hz : {0, 250, 500, 1000, 2000, 4000, 8000}) {
      const double place = (mel_band_at_hz(hz, mel_.bands) + 0.5) / static_cast<double>(mel_.bands);
      const int y =
          kBottom - static_cast<int>(std::lround(std::clamp(place, 0.0, 1.0) * kPlotHeight));
      for (int x = kLeftMargin - kTickLength; x < kLeftMargin; ++x) canvas_.set(x, y, kText);
      if (y > kTopMargin && y < kBottom) draw_grid_row(y);
      const std::string label =
          hz < 1000 ? fmt::format("{} Hz", hz) : fmt::format("{} kHz", hz / 1000);
      canvas_.text(kLeftMargin - kTickLength - kTextGap - Canvas::text_width(label),
                   y - Canvas::kTextHeight / 2, label, kText);
    }
  }

  void draw_times() {
    const double seconds = static_cast<double>(mel_.frames) * kFrameSeconds;
    const double step = time_step(seconds);
    for (int i = 0; i * step < seconds; ++i) {
      // Frame t is about the moment t · 10 ms, and is drawn from t to t + 1.
      const double frame = i * step / kFrameSeconds + 0.5;
      const int x =
          kLeftMargin +
          static_cast<int>(std::lround(frame / static_cast<double>(mel_.frames) * width_));
      if (x >= kLeftMargin + width_) break;
      for (int y = kBottom; y < kBottom + kTickLength; ++y) canvas_.set(x, y, kText);
      if (i > 0) draw_grid_column(x);
      const std::string label = fmt::format("{:.{}f} s", i * step, i == 0 ? 0 : decimals(step));
      canvas_.text(x - Canvas::text_width(label) / 2, kBottom + kTickLength + kTextGap, label,
                   kText);
    }
  }

  void draw_scale() {
    const int left = kLeftMargin + width_ + kScaleGap;
    for (int y = 0; y < kPlotHeight; ++y)
      for (int x = left; x < left + kScaleWidth; ++x)
        canvas_.set(x, kBottom - 1 - y, color_of((y + 0.5) / kPlotHeight));
    for (int i = 0; i <= 4; ++i) {
      const int y = kTopMargin + i * kPlotHeight / 4;
      for (int x = left + kScaleWidth; x < left + kScaleWidth + kTickLength; ++x)
        canvas_.set(x, std::min(y, kBottom - 1), kText);
      canvas_.text(left + kScaleWidth + kTickLength + kTextGap, y - Canvas::kTextHeight / 2,
                   fmt::format("{:.0f} dB", -i * kShownUnits * kDecibelsPerUnit / 4), kText);
    }
  }

  void draw_grid_row(int y) {
    for (int x = 0; x < width_; x += 2) canvas_.blend(kLeftMargin + x, y, kWhite, kGridOpacity);
  }
  void draw_grid_column(int x) {
    for (int y = kTopMargin; y < kBottom; y += 2) canvas_.blend(x, y, kWhite, kGridOpacity);
  }

  double time_step(double seconds) const {
    constexpr std::array<double, 15> kSteps{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,  2,
                                            5,    10,   20,   60,  120, 300, 600};
    for (const double step : kSteps)
      if (step / seconds * width_ >= kMinTimeTickDistance) return step;
    return std::ceil(seconds / 8 / kSteps.back()) * kSteps.back();
  }
  static int decimals(double step) { return step < 0.1 ? 2 : step < 1 ? 1 : 0; }

  static constexpr double kGridOpacity = 0.16;
  const MelSpectrogram& mel_;
  int width_;
  Canvas canvas_;
};

}  // namespace

void write_mel_png(const std::filesystem::path& path, const MelSpectrogram& mel) {
  if (mel.frames < 1 || mel.bands < 1)
    fail(ErrorCode::kInvalidAudio, "{}: expected a spectrogram to draw, got {} frames of {} bands",
         path.string(), mel.frames, mel.bands);
  MelPlot(mel).draw().write_png(path);
}

}  // namespace stapes
