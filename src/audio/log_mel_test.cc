#include "audio/log_mel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>
#include <string>
#include <thread>

#include "base/rng.h"

namespace stapes {
namespace {

using testing::Each;
using testing::ElementsAreArray;

// Values are in units of (log10 power + 4) / 4. A float FFT is exact to about 1e-7 of the loudest
// bin of a frame; the quietest bands that are not clamped lie up to 1e-4 (in amplitude) below the
// loudest, so log10 may be off by about 2 · 0.43 · 1e-3 there, a quarter of that after the scaling.
constexpr float kTolerance = 5e-4F;

std::vector<float> noise(int64_t samples, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> out(static_cast<size_t>(samples));
  // Loud and quiet stretches, so that the clamp at 8 below the maximum has work to do.
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(0.3 * rng.normal() * (i / 3000 % 2 == 0 ? 1.0 : 1e-4));
  return out;
}

// The definition, without any shortcut: whole borders, direct DFT in double, dense filters.
std::vector<double> slow_log_mel(const std::vector<float>& samples, int64_t bands) {
  std::vector<double> padded(samples.begin(), samples.end());
  padded.resize(samples.size() + 479);
  const auto length = static_cast<int64_t>(padded.size());
  const auto at = [&](int64_t i) {
    if (i < 0) i = -i;
    if (i >= length) i = 2 * (length - 1) - i;
    return padded[static_cast<size_t>(i)];
  };
  const std::vector<float> filters = mel_filter_bank(bands);
  std::vector<double> out;
  for (int64_t frame = 0; frame < length / 160; ++frame) {
    std::vector<double> power;
    for (int k = 0; k <= 200; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < 400; ++i) {
        const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / 400);
        sum += at(frame * 160 - 200 + i) * window *
               std::polar(1.0, -2 * std::numbers::pi * (k * i % 400) / 400);
      }
      power.push_back(std::norm(sum));
    }
    for (int64_t band = 0; band < bands; ++band)
      out.push_back(
          std::log10(std::max(1e-10, std::inner_product(power.begin(), power.end(),
                                                        filters.begin() + band * 201, 0.0))));
  }
  const double floor = *std::max_element(out.begin(), out.end()) - 8;
  for (double& value : out) value = (std::max(value, floor) + 4) / 4;
  return out;
}

template <typename Expected>
void expect_close(const MelSpectrogram& got, const Expected& expected) {
  ASSERT_EQ(got.values.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(got.values[i], expected[i], kTolerance)
        << "frame " << static_cast<int64_t>(i) / got.bands << ", band "
        << static_cast<int64_t>(i) % got.bands;
}

TEST(MelFrameCount, IsTheReleasesFormula) {
  EXPECT_EQ(mel_frame_count(0), 0);
  EXPECT_EQ(mel_frame_count(1), 3);
  EXPECT_EQ(mel_frame_count(160), 3);
  EXPECT_EQ(mel_frame_count(161), 4);
  EXPECT_EQ(mel_frame_count(16000), 102);
  EXPECT_EQ(mel_frame_count(25 * 16000), 2502);
}

TEST(MelFilterBank, IsSlaneyInScaleAndNorm) {
  const std::vector<float> filters = mel_filter_bank(128);
  ASSERT_EQ(filters.size(), 128U * 201U);
  // The first triangle has its corners at 0, 1 and 2 mel steps of 45.2456 / 129 mel, each 200/3 Hz:
  // it rises to 23.38 Hz and falls to 46.77 Hz, so only the bin at 40 Hz is inside.
  const double step_hz = (15 + 27 * std::log(8.0) / std::log(6.4)) / 129 * 200 / 3;
  EXPECT_NEAR(filters[1], (2 * step_hz - 40) / step_hz / step_hz, 1e-7);
  EXPECT_EQ(filters[0], 0.0F);
  EXPECT_EQ(filters[2], 0.0F);
  // Every triangle has area 1 in Hz: with 40 Hz between the bins the wide ones sum to 1 / 40.
  for (size_t band = 100; band < 128; ++band) {
    const auto row = filters.begin() + static_cast<std::ptrdiff_t>(band * 201);
    EXPECT_NEAR(std::accumulate(row, row + 201, 0.0) * 40, 1.0, 0.03) << band;
  }
}

TEST(LogMel, EqualsTheGoldenNumbers) {
  std::ifstream file(std::filesystem::path(STAPES_SOURCE_DIR) / "tests/golden/log_mel.txt");
  ASSERT_TRUE(file) << "tests/golden/log_mel.txt is missing";
  std::string word, name;
  int64_t clips = 0, count = 0, frames = 0, bands = 0;
  while (file >> word >> name >> count >> frames >> bands) {
    SCOPED_TRACE(name);
    std::vector<float> samples(static_cast<size_t>(count));
    for (float& sample : samples) {
      file >> sample;
      sample /= 32768.0F;
    }
    std::vector<float> expected(static_cast<size_t>(frames * bands));
    for (float& value : expected) file >> value;
    ASSERT_TRUE(file);
    const MelSpectrogram got = LogMel(bands).compute(samples);
    EXPECT_EQ(got.frames, frames);
    EXPECT_EQ(got.bands, bands);
    expect_close(got, expected);
    ++clips;
  }
  EXPECT_EQ(clips, 4);
}

TEST(LogMel, EqualsTheDirectDft) {
  for (const int64_t count : {1, 2, 100, 159, 160, 161, 200, 201, 202, 399, 400, 401, 7001})
    for (const int64_t bands : {80, 128}) {
      SCOPED_TRACE(testing::Message() << count << " samples, " << bands << " bands");
      const std::vector<float> samples = noise(count, static_cast<uint64_t>(count));
      expect_close(LogMel(bands).compute(samples), slow_log_mel(samples, bands));
    }
}

TEST(LogMel, NothingInNothingOut) {
  const MelSpectrogram empty = LogMel(128).compute({});
  EXPECT_EQ(empty.frames, 0);
  EXPECT_EQ(empty.bands, 128);
  EXPECT_TRUE(empty.values.empty());
}

TEST(LogMel, SilenceIsTheFloor) {
  // log10(1e-10) = -10, and nothing is louder.
  EXPECT_THAT(LogMel(128).compute(std::vector<float>(1000)).values, Each(-1.5F));
}

TEST(LogMel, OneSampleIsSeenByItsFirstTwoFrames) {
  const MelSpectrogram mel = LogMel(128).compute(std::vector<float>{1.0F});
  ASSERT_EQ(mel.frames, 3);
  // The clip's maximum is in frame 0, where the window is 1; frame 2 begins after the sample.
  EXPECT_GT(mel.frame(0)[0], mel.frame(1)[0]);
  const float floor = *std::max_element(mel.values.begin(), mel.values.end()) - 2.0F;
  EXPECT_THAT(mel.frame(2), Each(testing::FloatEq(floor)));
}

TEST(LogMel, ATenfoldLevelAddsAHalf) {
  std::vector<float> samples = noise(3000, 5);
  const MelSpectrogram quiet = LogMel(128).compute(samples);
  for (float& sample : samples) sample *= 10.0F;
  const MelSpectrogram loud = LogMel(128).compute(samples);
  for (size_t i = 0; i < quiet.values.size(); ++i)
    ASSERT_NEAR(loud.values[i], quiet.values[i] + 0.5F, 1e-4F);
}

TEST(LogMel, OneObjectServesManyThreads) {
  const LogMel mel(128);
  std::map<int64_t, MelSpectrogram> expected;
  for (int64_t i = 0; i < 8; ++i)
    expected[i] = mel.compute(noise(2000 + 700 * i, static_cast<uint64_t>(i)));
  std::vector<int> equal(8, 0);
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      const std::vector<float> samples = noise(2000 + 700 * i, static_cast<uint64_t>(i));
      for (int round = 0; round < 20; ++round)
        equal[static_cast<size_t>(i)] += mel.compute(samples).values == expected.at(i).values;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(equal, Each(20));
}

TEST(StreamingLogMel, EqualsOfflineForEveryChunkSize) {
  const LogMel mel(128);
  StreamingLogMel stream(mel);  // reused: finish() makes it ready for the next clip
  for (const size_t total : {0U, 1U, 100U, 200U, 201U, 400U, 5003U}) {
    const std::vector<float> samples = noise(static_cast<int64_t>(total), total);
    const MelSpectrogram offline = mel.compute(samples);
    for (const size_t chunk : {1U, 7U, 159U, 160U, 161U, 199U, 200U, 201U, 400U, 1024U, 9999U}) {
      for (size_t begin = 0; begin < total; begin += chunk)
        stream.push(std::span(samples).subspan(begin, std::min(chunk, total - begin)));
      const MelSpectrogram streamed = stream.finish();
      EXPECT_EQ(streamed.frames, offline.frames);
      ASSERT_EQ(streamed.values, offline.values) << total << " samples by " << chunk;
    }
  }
}

TEST(StreamingLogMel, FramesAreReadyAsSoonAsTheirSamplesAre) {
  StreamingLogMel stream(LogMel(128));  // outlives the LogMel it was made from
  const std::vector<float> samples = noise(2000, 1);
  for (int64_t seen = 1; seen <= 2000; ++seen) {
    stream.push(std::span(samples).subspan(static_cast<size_t>(seen - 1), 1));
    // Frame t ends 200 samples after its centre 160 t; the first waits for sample 200 to mirror it.
    const int64_t expected = seen < 201 ? 0 : (seen - 200) / 160 + 1;
    ASSERT_EQ(stream.frames_ready(), expected) << seen;
  }
  EXPECT_EQ(stream.finish().frames, mel_frame_count(2000));
  EXPECT_EQ(stream.frames_ready(), 0);
}

}  // namespace
}  // namespace stapes
