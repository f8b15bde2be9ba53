// For the tests of audio/: a folder of its own, and sound files of many kinds in it.
#pragma once

#include <gtest/gtest.h>
#include <sndfile.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include "stapes/error.h"

namespace stapes {

class AudioFilesTest : public testing::Test {
 protected:
  AudioFilesTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("stapes-") + info->name() + "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~AudioFilesTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path(std::string_view name) const { return folder_ / name; }

  std::filesystem::path write_bytes(std::string_view name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  // values: interleaved, frames x channels.
  std::filesystem::path write_sound(std::string_view name, int format, int rate_hz, int channels,
                                    const std::vector<float>& values) const {
    SF_INFO info{};
    info.samplerate = rate_hz;
    info.channels = channels;
    info.format = format;
    SNDFILE* file = sf_open(path(name).c_str(), SFM_WRITE, &info);
    EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
    if (file == nullptr) return path(name);
    const auto frames = static_cast<sf_count_t>(values.size()) / channels;
    EXPECT_EQ(sf_writef_float(file, values.data(), frames), frames);
    sf_close(file);
    return path(name);
  }

  std::filesystem::path folder_;
};

inline std::string file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<float> sine(double hz, double rate_hz, size_t samples, double level = 0.5) {
  std::vector<float> out(samples);
  for (size_t i = 0; i < samples; ++i)
    out[i] = static_cast<float>(
        level * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz));
  return out;
}

inline double rms(const std::vector<float>& samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

// The stapes::Error that `call` throws; fails the test where it throws none.
template <typename Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected an Error, none was thrown";
  return {ErrorCode::kCancelled, "none"};
}

}  // namespace stapes
