#include "audio/resampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "audio/audio_file.h"
#include "audio/audio_test_files.h"

namespace stapes {
namespace {

using testing::HasSubstr;

// Away from the borders, where the sound begins and ends suddenly.
double largest_inner_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 1000; i + 1000 < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

TEST(Resample, ATonePassesUnchangedAtAnyRate) {
  for (const double from_hz : {4000.0, 8000.0, 11025.0, 22050.0, 44100.0, 48000.0, 192000.0, 1e6}) {
    const auto samples = sine(440, from_hz, static_cast<size_t>(from_hz));
    const std::vector<float> out = resample(samples, from_hz, 16000);
    EXPECT_NEAR(static_cast<double>(out.size()), 16000, 1) << from_hz;
    // 24-bit arithmetic (soxr's very high quality) of a tone at half level.
    EXPECT_LT(largest_inner_difference(out, sine(440, 16000, 16000)), 2e-6) << from_hz;
  }
}

TEST(Resample, WhatDoesNotFitIsRemovedNotFolded) {
  // 12 kHz would come back as 4 kHz.
  const std::vector<float> out = resample(sine(12000, 48000, 48000), 48000, 16000);
  const std::vector<float> inner(out.begin() + 1000, out.end() - 1000);
  EXPECT_LT(rms(inner), 1e-6);
}

TEST(Resample, EqualRatesCopy) {
  const std::vector<float> samples = sine(440, 16000, 777);
  EXPECT_EQ(resample(samples, 16000, 16000), samples);
  EXPECT_TRUE(resample({}, 16000, 16000).empty());
  EXPECT_TRUE(resample({}, 44100, 16000).empty());
}

TEST(Resample, PiecesOfAnySizeGiveTheWhole) {
  const std::vector<float> samples = sine(440, 44100, 20000);
  const std::vector<float> whole = resample(samples, 44100, 16000);
  for (const size_t piece : {1U, 100U, 4096U, 19999U}) {
    Resampler resampler(44100, 16000);
    std::vector<float> out;
    for (size_t begin = 0; begin < samples.size(); begin += piece)
      resampler.push(
          std::span(samples).subspan(begin, std::min<size_t>(piece, samples.size() - begin)), out);
    resampler.push({}, out);  // nothing, and not the end
    resampler.finish(out);
    EXPECT_EQ(out, whole) << piece;
  }
}

TEST(Resample, AskedForAnImpossibleRate) {
  const std::vector<float> samples(10);
  for (const double rate_hz : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity()}) {
    const Error error = error_of([&] { resample(samples, rate_hz, 16000); });
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("expected sample rates above 0 Hz"));
  }
}

}  // namespace
}  // namespace stapes
