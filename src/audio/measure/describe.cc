#include "audio/measure/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace stapes {
namespace {

constexpr size_t kPictureColumns = 60;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// At most kPictureColumns columns, the mean of what falls into each.
template <typename Values, typename Use>
std::vector<double> columns_of(const Values& values, const Use& use) {
  const size_t columns = std::min(values.size(), kPictureColumns);
  std::vector<double> means;
  for (size_t column = 0; column < columns; ++column) {
    const size_t begin = column * values.size() / columns;
    const size_t end = (column + 1) * values.size() / columns;
    double sum = 0;
    size_t count = 0;
    for (size_t i = begin; i < end; ++i) {
      const double value = use(i, static_cast<double>(values[i]));
      if (std::isnan(value)) continue;
      sum += value;
      ++count;
    }
    // A column of few voiced frames would show their accidents.
    means.push_back(2 * count >= end - begin && count > 0 ? sum / static_cast<double>(count)
                                                          : kMissing);
  }
  return means;
}

std::string loudness_line(const Measurement& measured) {
  std::string line =
      fmt::format("{:.1f} dBFS on average, peak {:.1f}", measured.level_dbfs, measured.peak_dbfs);
  const LoudnessCourse& loudness = measured.loudness;
  if (loudness.course != Course::kNone)
    line += fmt::format("; {} ({:+.1f} dB from the first to the last third)", name(loudness.course),
                        loudness.change_db);
  return line;
}

std::string background_line(const Measurement& measured) {
  const Activity& activity = measured.activity;
  if (activity.noise_dbfs <= static_cast<double>(LevelContour::kSilenceDbfs) + 1)
    return "digital silence between the sounds";
  return fmt::format("{:.1f} dBFS, the sounds lie {:.0f} dB above it", activity.noise_dbfs,
                     activity.contrast_db());
}

std::string pitch_line(const Measurement& measured) {
  const PitchCourse& pitch = measured.pitch_course;
  if (pitch.course == Course::kNone) return "none";
  std::string line = fmt::format(
      "median {:.0f} Hz ({}), {:.0f} to {:.0f} Hz, in {:.0f} % of the sound; {} ({:+.1f} "
      "semitones)",
      pitch.median_hz, nearest_note(pitch.median_hz), pitch.low_hz, pitch.high_hz,
      100 * measured.voiced_share, name(pitch.course), pitch.change_semitones);
  if (measured.final_pitch.course != Course::kNone)
    line += fmt::format("; at the end it {}{}",
                        measured.final_pitch.course == Course::kSteady ? "is " : "",
                        name(measured.final_pitch.course));
  return line;
}

std::string pauses_line(const Measurement& measured) {
  if (measured.pauses.empty()) return "none of 0.15 s or longer";
  std::string line = fmt::format("{}:", measured.pauses.size());
  for (const TimeSpan& pause : measured.pauses)
    line += fmt::format("{} {:.2f} s at {:.2f} s", &pause == measured.pauses.data() ? "" : ",",
                        pause.seconds(), pause.start_s);
  return line;
}

std::string brightness_line(const Measurement& measured) {
  const BrightnessCourse& brightness = measured.brightness;
  if (brightness.median_hz <= 0) return "none";
  std::string line = fmt::format("spectral centroid {:.0f} Hz", brightness.median_hz);
  if (brightness.course != Course::kNone)
    line +=
        fmt::format("; {} ({:+.2f} octaves)", name(brightness.course), brightness.change_octaves);
  return line;
}

std::string sounds_lines(const Measurement& measured) {
  constexpr size_t kMost = 40;
  std::string lines;
  for (size_t i = 0; i < std::min(measured.sounds.size(), kMost); ++i) {
    const Sound& sound = measured.sounds[i];
    lines += fmt::format("  {:>3}  {:>6.2f} to {:>6.2f} s  {:>6.1f} dBFS  ", i + 1,
                         sound.span.start_s, sound.span.end_s, sound.level_dbfs);
    lines += sound.pitch_hz > 0
                 ? fmt::format("{:>5.0f} Hz {:<4}", sound.pitch_hz, nearest_note(sound.pitch_hz))
                 : std::string("   no pitch ");
    lines += fmt::format("  centroid {:.0f} Hz\n", sound.centroid_hz);
  }
  if (measured.sounds.size() > kMost)
    lines += fmt::format("  ... and {} more\n", measured.sounds.size() - kMost);
  return lines;
}

std::string pictures(const Measurement& measured) {
  const std::vector<double> levels =
      columns_of(measured.levels.dbfs, [](size_t, double dbfs) { return dbfs; });
  std::string text = fmt::format(
      "loudness    |{}|\n",
      sparkline(levels, std::max(measured.activity.noise_dbfs, measured.activity.loud_dbfs - 50),
                measured.activity.loud_dbfs));
  if (measured.pitch_course.course == Course::kNone) return text;
  const std::vector<double> pitches = columns_of(
      measured.pitch.hz, [](size_t, double hz) { return hz > 0 ? semitones_of(hz) : kMissing; });
  return text + fmt::format("pitch       |{}|\n",
                            sparkline(pitches, semitones_of(measured.pitch_course.low_hz),
                                      semitones_of(measured.pitch_course.high_hz)));
}

}  // namespace

std::string nearest_note(double hz) {
  static constexpr std::array<const char*, 12> kNames = {"C",  "C#", "D",  "D#", "E",  "F",
                                                         "F#", "G",  "G#", "A",  "A#", "B"};
  const long midi = std::lround(semitones_of(hz)) + 69;
  const long octave = static_cast<long>(std::floor(static_cast<double>(midi) / 12)) - 1;
  return fmt::format("{}{}", kNames[static_cast<size_t>(((midi % 12) + 12) % 12)], octave);
}

std::string sparkline(const std::vector<double>& values, double low, double high) {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string line;
  for (const double value : values) {
    if (std::isnan(value)) {
      line += ' ';
      continue;
    }
    const double share = high > low ? (value - low) / (high - low) : 0.5;
    line += kBlocks[static_cast<size_t>(std::clamp(std::lround(share * 7), 0L, 7L))];
  }
  return line;
}

std::string describe(const Measurement& measured) {
  if (measured.silent())
    return fmt::format("length      {:.2f} s; nothing sounds\nloudness    {}\n", measured.seconds,
                       loudness_line(measured));
  std::string text =
      fmt::format("length      {:.2f} s; sound from {:.2f} to {:.2f} s\n", measured.seconds,
                  measured.sounds.front().span.start_s, measured.sounds.back().span.end_s);
  text += fmt::format("loudness    {}\n", loudness_line(measured));
  text += fmt::format("background  {}\n", background_line(measured));
  text += fmt::format("pitch       {}\n", pitch_line(measured));
  text += fmt::format("pauses      {}\n", pauses_line(measured));
  text += measured.tempo.steady()
              ? fmt::format(
                    "tempo       {:.0f} bpm, or its double or half ({:.0f} % of the gaps "
                    "keep the beat)\n",
                    measured.tempo.bpm, 100 * measured.tempo.regularity)
              : "tempo       no steady beat\n";
  text += fmt::format("brightness  {}\n", brightness_line(measured));
  text += fmt::format("sounds      {}\n{}", measured.sounds.size(), sounds_lines(measured));
  return text + pictures(measured);
}

}  // namespace stapes
