#include "audio/audio_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <span>

#include "audio/audio_test_files.h"

namespace stapes {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;
using testing::FloatEq;

using AudioFile = AudioFilesTest;

TEST_F(AudioFile, WhatIsWrittenIsReadBack) {
  AudioClip clip;
  for (int value = -32768; value <= 32767; value += 5)
    clip.samples.push_back(static_cast<float>(value) / 32768.0F);
  write_wav_file(path("a.wav"), clip);
  EXPECT_EQ(load_audio_file(path("a.wav")).samples, clip.samples);
  EXPECT_EQ(fs::file_size(path("a.wav")), 44 + 2 * clip.samples.size());
}

TEST_F(AudioFile, WritingClipsWhatIsTooLoud) {
  write_wav_file(path("a.wav"), {{2.0F, -2.0F, 1.0F}});
  EXPECT_THAT(load_audio_file(path("a.wav")).samples,
              ElementsAre(32767.0F / 32768, -1.0F, 32767.0F / 32768));
}

TEST_F(AudioFile, EveryFormatIsReadByItsContentWhateverItsName) {
  struct Case {
    const char* name;  // none tells the truth
    int format;
    int rate_hz;
    double tolerance;  // of the level; the lossy ones are close
  };
  for (const Case& test : {
           Case{"pcm16.mp3", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1e-3},
           Case{"pcm8.flac", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8000, 0.01},
           Case{"pcm24.txt", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 1e-3},
           Case{"float.ogg", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 1e-3},
           Case{"ulaw", SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 0.01},
           Case{"extensible.raw", SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 96000, 1e-3},
           Case{"aiff.wav", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 22050, 1e-3},
           Case{"flac.wav", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1e-3},
           Case{"vorbis.wav", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 0.05},
           Case{"opus.wav", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 0.05},
           Case{"mp3.wav", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 0.05},
           Case{"mp3-16k.gsm", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 16000, 0.05},
       }) {
    SCOPED_TRACE(test.name);
    const auto rate = static_cast<size_t>(test.rate_hz);
    const fs::path file =
        write_sound(test.name, test.format, test.rate_hz, 1, sine(440, test.rate_hz, 2 * rate));
    const AudioClip clip = load_audio_file(file);
    EXPECT_NEAR(clip.seconds(), 2.0, 0.15);  // MP3 pads to whole frames of its own
    ASSERT_GT(clip.samples.size(), 24000U);
    const std::vector<float> inner(clip.samples.begin() + 8000, clip.samples.begin() + 24000);
    EXPECT_NEAR(rms(inner), 0.5 / std::sqrt(2.0), test.tolerance);
    // It is that tone: what 440 Hz two steps earlier and now predict, for every sample.
    const double turn = 2 * std::cos(2 * std::numbers::pi * 440 / 16000);
    std::vector<float> surprise;
    for (size_t i = 2; i < inner.size(); ++i)
      surprise.push_back(static_cast<float>(turn * inner[i - 1] - inner[i - 2] - inner[i]));
    EXPECT_LT(rms(surprise), test.tolerance);

    const std::string bytes = file_bytes(file);
    EXPECT_EQ(decode_audio(std::as_bytes(std::span(bytes)), "memory").samples, clip.samples);
  }
}

TEST_F(AudioFile, TheMeanOfTheChannelsIsTaken) {
  std::vector<float> stereo;
  for (int i = 0; i < 1000; ++i) stereo.insert(stereo.end(), {0.5F, -0.25F});
  EXPECT_THAT(
      load_audio_file(write_sound("2.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 2, stereo))
          .samples,
      Each(0.125F));
}

TEST_F(AudioFile, ThirtyTwoChannels) {
  std::vector<float> values;
  for (int frame = 0; frame < 5000; ++frame)  // more than one block
    for (int channel = 0; channel < 32; ++channel)
      values.push_back(static_cast<float>(channel) / 64);
  const AudioClip clip =
      load_audio_file(write_sound("32.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 32, values));
  EXPECT_EQ(clip.samples.size(), 5000U);
  EXPECT_THAT(clip.samples, Each(FloatEq(15.5F / 64)));
}

TEST_F(AudioFile, VeryHighAndVeryLowRates) {
  for (const int rate_hz : {1000, 4000, 384000, 768000, 2822400, 10000000}) {
    const AudioClip clip =
        load_audio_file(write_sound("r.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, rate_hz, 1,
                                    sine(200, rate_hz, static_cast<size_t>(rate_hz) / 2)));
    EXPECT_NEAR(clip.seconds(), 0.5, 1e-3) << rate_hz;
    const std::vector<float> inner(clip.samples.begin() + 2000, clip.samples.end() - 2000);
    EXPECT_NEAR(rms(inner), 0.5 / std::sqrt(2.0), 1e-3) << rate_hz;
  }
}

TEST_F(AudioFile, BlocksLeaveNoSeam) {
  // Longer than a block, resampled: the same as all at once.
  const std::vector<float> samples = sine(440, 44100, 200000);
  const fs::path file = write_sound("long.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 1, samples);
  EXPECT_EQ(load_audio_file(file).samples, resample(samples, 44100, 16000));
}

TEST_F(AudioFile, RealRecordings) {
  const char* named = std::getenv("STAPES_SHARED_AUDIO");
  const fs::path folder =
      named != nullptr ? fs::path(named) : fs::path(STAPES_SOURCE_DIR) / "../shared/audio";
  if (!fs::is_directory(folder / "spoken-digits"))
    GTEST_SKIP() << "SKIPPED: no recordings at " << folder << "; set STAPES_SHARED_AUDIO";
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder / "spoken-digits")) {
    const AudioClip clip = load_audio_file(entry.path());
    EXPECT_GT(clip.seconds(), 0.05) << entry.path();
    EXPECT_LT(clip.seconds(), 5.0) << entry.path();
    EXPECT_GT(rms(clip.samples), 1e-4) << entry.path();
    // 8 kHz, 16 bits, a header of 44 bytes.
    EXPECT_NEAR(clip.seconds(), static_cast<double>(entry.file_size() - 44) / 16000, 1e-3);
    if (++files == 50) break;
  }
  EXPECT_EQ(files, 50);
}

TEST(SplitClip, PiecesAsTheClientMakesThem) {
  const auto sizes = [](size_t samples, double max_seconds) {
    AudioClip clip;
    for (size_t i = 0; i < samples; ++i) clip.samples.push_back(static_cast<float>(i));
    std::vector<size_t> out;
    std::vector<float> joined;
    for (const AudioClip& piece : split_clip(clip, max_seconds)) {
      out.push_back(piece.samples.size());
      joined.insert(joined.end(), piece.samples.begin(), piece.samples.end());
    }
    EXPECT_EQ(joined, clip.samples);
    return out;
  };
  EXPECT_THAT(sizes(0, 25), ElementsAre());
  EXPECT_THAT(sizes(1, 25), ElementsAre(1));
  EXPECT_THAT(sizes(399999, 25), ElementsAre(399999));
  EXPECT_THAT(sizes(400000, 25), ElementsAre(400000));  // no empty last piece
  EXPECT_THAT(sizes(400001, 25), ElementsAre(400000, 1));
  EXPECT_THAT(sizes(800000, 25), ElementsAre(400000, 400000));
  EXPECT_THAT(sizes(10, 1e300), ElementsAre(10));
  EXPECT_THAT(sizes(5, 2.0 / 16000), ElementsAre(2, 2, 1));
}

TEST(SplitClip, AShortRestIsHeardWithThePieceBeforeIt) {
  const auto sizes = [](size_t samples) {
    std::vector<size_t> result;
    for (const AudioClip& piece : pieces_to_hear({std::vector<float>(samples)}))
      result.push_back(piece.samples.size());
    return result;
  };
  constexpr size_t kPiece = 25 * kSampleRateHz;
  EXPECT_EQ(sizes(10), std::vector<size_t>{10});
  EXPECT_EQ(sizes(kPiece + 1599), std::vector<size_t>{kPiece + 1599});
  EXPECT_EQ(sizes(kPiece + 1600), (std::vector<size_t>{kPiece, 1600}));
  EXPECT_EQ(sizes(2 * kPiece), (std::vector<size_t>{kPiece, kPiece}));
}

TEST(SplitClip, PiecesOfNothingAreRefused) {
  const AudioClip clip{{1.0F, 2.0F}};
  for (const double seconds : {0.0, -1.0, 1e-9, std::nan("")}) {
    const Error error = error_of([&] { split_clip(clip, seconds); });
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("expected pieces of at least one sample"));
  }
}

}  // namespace
}  // namespace stapes
