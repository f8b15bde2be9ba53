// Whatever a user or a stranger may hand over: a clear error, or the sound, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <span>
#include <sstream>
#include <thread>

#include "audio/audio_file.h"
#include "audio/audio_test_files.h"
#include "base/rng.h"

#ifdef __SANITIZE_ADDRESS__
// libsndfile 1.2 does not free what libvorbis holds where an Ogg file turns out to be damaged.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:vorbis_info_init\n";
}
#endif

namespace stapes {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kRiffSizeAt = 4, kRateAt = 24, kDataSizeAt = 40;  // in a plain 44-byte WAV header

class BadAudio : public AudioFilesTest {
 protected:
  // A second of 16-bit sound at 16 kHz, 32,044 bytes.
  std::string good_wav() const {
    return file_bytes(write_sound("good.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1,
                                  sine(440, 16000, 16000)));
  }

  // The file and the same bytes in memory must be refused alike.
  void expect_refused(const std::string& bytes, ErrorCode code, const std::string& words) const {
    const fs::path file = write_bytes("bad.wav", bytes);
    const Error from_file = error_of([&] { load_audio_file(file); });
    EXPECT_EQ(from_file.code(), code) << from_file.what();
    EXPECT_THAT(from_file.what(), AllOf(HasSubstr(words), HasSubstr(file.string())));
    const Error from_memory =
        error_of([&] { decode_audio(std::as_bytes(std::span(bytes)), "standard input"); });
    EXPECT_EQ(from_memory.code(), code) << from_memory.what();
    EXPECT_THAT(from_memory.what(), AllOf(HasSubstr(words), HasSubstr("standard input")));
  }
};

std::string with_u32(std::string bytes, size_t offset, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

TEST_F(BadAudio, NoFile) {
  const Error error = error_of([&] { load_audio_file(path("none.wav")); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("there is no file"), HasSubstr("none.wav")));
}

TEST_F(BadAudio, ADirectory) {
  const Error error = error_of([&] { load_audio_file(folder_); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(folder_.string()), HasSubstr("is a directory")));
}

TEST_F(BadAudio, AnEmptyFile) {
  expect_refused("", ErrorCode::kInvalidAudio, "is empty");
}

TEST_F(BadAudio, ZeroSamples) {
  expect_refused(with_u32(good_wav().substr(0, 44), kDataSizeAt, 0), ErrorCode::kInvalidAudio,
                 "holds no samples");
}

TEST_F(BadAudio, NotAudio) {
  expect_refused("This is a letter, not a sound.\n", ErrorCode::kInvalidAudio,
                 "is not audio that can be read");
  // A name that libsndfile takes for raw sound helps nothing.
  const fs::path letter = write_bytes("letter.gsm", std::string(5000, 'x'));
  EXPECT_EQ(error_of([&] { load_audio_file(letter); }).code(), ErrorCode::kInvalidAudio);
  for (const char* magic :
       {"RIFF", "RIFF\1\2\3\4WAVE", "fLaC", "OggS", "FORM", "ID3", "\xff\xfb"}) {
    const fs::path stub = write_bytes("stub", magic);
    EXPECT_EQ(error_of([&] { load_audio_file(stub); }).code(), ErrorCode::kInvalidAudio) << magic;
  }
}

TEST_F(BadAudio, NanAndInfiniteSamples) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e30F}) {
    std::vector<float> samples = sine(440, 16000, 40000);
    samples[32000] = bad;
    const std::string bytes =
        file_bytes(write_sound("nan.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 8000, 2, samples));
    expect_refused(bytes, ErrorCode::kInvalidAudio, "expected samples in [-1, 1], got ");
    expect_refused(bytes, ErrorCode::kInvalidAudio, " at 2.000 s");
  }
}

TEST_F(BadAudio, ZeroHz) {
  expect_refused(with_u32(good_wav(), kRateAt, 0), ErrorCode::kInvalidAudio, "says 0 Hz");
}

TEST_F(BadAudio, RatesThatNoSoundHas) {
  expect_refused(with_u32(good_wav(), kRateAt, 999), ErrorCode::kInvalidAudio,
                 "expected a sample rate of 1000 to 10000000 Hz, got 999 Hz");
  expect_refused(with_u32(good_wav(), kRateAt, 10'000'001), ErrorCode::kInvalidAudio,
                 "got 10000001 Hz");
  expect_refused(with_u32(good_wav(), kRateAt, 0xFFFFFFFF), ErrorCode::kInvalidAudio, "");
}

TEST_F(BadAudio, ATruncatedHeader) {
  const std::string whole = good_wav();
  for (size_t length = 1; length < 44; ++length) {
    const std::string bytes = whole.substr(0, length);
    const Error error =
        error_of([&] { decode_audio(std::as_bytes(std::span(bytes)), "standard input"); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidAudio) << length;
  }
  expect_refused(whole.substr(0, 20), ErrorCode::kInvalidAudio,
                 "the WAV header is cut off: it has no fmt chunk");
  expect_refused(whole.substr(0, 40), ErrorCode::kInvalidAudio,
                 "the WAV header is cut off: it has no data chunk");
}

TEST_F(BadAudio, AHeaderThatClaimsFourGigabytes) {
  const std::string whole = good_wav();
  expect_refused(with_u32(whole.substr(0, 1000), kDataSizeAt, 4'000'000'000),
                 ErrorCode::kInvalidAudio,
                 "claims 4000000000 bytes of samples, but the file holds only 956");
  expect_refused(with_u32(with_u32(whole, kRiffSizeAt, 0xFFFFFFFF), kDataSizeAt, 0xFFFFFFFF - 36),
                 ErrorCode::kInvalidAudio, "claims 4294967259 bytes of samples");
  // All ones with a whole RIFF size is a lie, not a stream.
  expect_refused(with_u32(whole, kDataSizeAt, 0xFFFFFFFF), ErrorCode::kInvalidAudio,
                 "claims 4294967295 bytes of samples, but the file holds only 32000");
}

TEST_F(BadAudio, AStreamWithoutItsLength) {
  // What ffmpeg, sox and arecord leave when they write into a pipe, and a recorder that was killed.
  const std::string whole = good_wav();
  const std::vector<float> expected =
      decode_audio(std::as_bytes(std::span(whole)), "whole").samples;
  const std::vector<std::pair<uint32_t, uint32_t>> placeholders{{0xFFFFFFFF, 0xFFFFFFFF},
                                                                {0x7FFFF024, 0x7FFFF000},
                                                                {0x80000024, 0x80000000},
                                                                {0, 0},
                                                                {36, 0}};
  for (const auto& [riff, data] : placeholders) {
    const std::string bytes = with_u32(with_u32(whole, kRiffSizeAt, riff), kDataSizeAt, data);
    EXPECT_EQ(decode_audio(std::as_bytes(std::span(bytes)), "stream").samples, expected) << data;
  }
}

TEST_F(BadAudio, ACompleteFileWithoutSamplesIsNotAStream) {
  // Its RIFF size covers the chunk after the empty data: that is no sound.
  const std::string bytes =
      with_u32(with_u32(good_wav().substr(0, 44), kDataSizeAt, 0), kRiffSizeAt, 36 + 12) +
      std::string("LIST\4\0\0\0abcd", 12);
  expect_refused(bytes, ErrorCode::kInvalidAudio, "holds no samples");
}

TEST_F(BadAudio, ARecordingCutShort) {
  const std::string whole = good_wav();
  // A tenth lost is forgiven, with a warning; more is not.
  const std::string most = whole.substr(0, 44 + 28800);
  EXPECT_EQ(decode_audio(std::as_bytes(std::span(most)), "most").samples.size(), 14400U);
  expect_refused(whole.substr(0, 44 + 28798), ErrorCode::kInvalidAudio,
                 "claims 32000 bytes of samples, but the file holds only 28798");
}

TEST_F(BadAudio, AFlacThatClaimsMoreThanItHas) {
  const std::string flac = file_bytes(
      write_sound("a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, sine(440, 16000, 16000)));
  const auto claiming = [&](uint32_t samples) {  // the low 32 bits of the total, big-endian at 22
    std::string bytes = flac;
    for (size_t i = 0; i < 4; ++i)
      bytes[22 + i] = static_cast<char>(samples >> (24 - 8 * i) & 0xFF);
    return bytes;
  };
  EXPECT_EQ(claiming(16000), flac);
  expect_refused(claiming(64000), ErrorCode::kInvalidAudio,
                 "the header claims 64000 samples, but only 16000 could be decoded");
  expect_refused(claiming(0xFFFFFFFF), ErrorCode::kTooLarge, "expected at most 7200 s of audio");
  expect_refused(flac.substr(0, flac.size() / 2), ErrorCode::kInvalidAudio,
                 "the header claims 16000 samples, but only ");
  const std::string unknown = claiming(0);
  EXPECT_EQ(decode_audio(std::as_bytes(std::span(unknown)), "unknown").samples.size(), 16000U);
}

TEST_F(BadAudio, TooManyChannels) {
  const fs::path file = write_sound("65.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 65,
                                    std::vector<float>(65 * 100));
  const Error error = error_of([&] { load_audio_file(file); });
  EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
  EXPECT_THAT(error.what(), HasSubstr("expected 1 to 64 channels, got 65"));
}

TEST_F(BadAudio, TooShortToHear) {
  const fs::path file =
      write_sound("short.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 192000, 1, {0.5F});
  const Error error = error_of([&] { load_audio_file(file); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidAudio);
  EXPECT_THAT(error.what(),
              HasSubstr("nothing is left of its samples (count: 1, rate: 192000 Hz)"));
}

TEST_F(BadAudio, LongerThanTheLimit) {
  const fs::path file = write_bytes("good.wav", good_wav());
  EXPECT_NO_THROW(load_audio_file(file, {.max_seconds = 1.0}));
  const Error error = error_of([&] { load_audio_file(file, {.max_seconds = 0.999}); });
  EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
  // An MP3 does not say how long it is: the limit holds while it is decoded.
  const fs::path mp3 = write_sound("a.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 1,
                                   sine(440, 44100, 441000));
  const Error while_decoding = error_of([&] { load_audio_file(mp3, {.max_seconds = 5.0}); });
  EXPECT_EQ(while_decoding.code(), ErrorCode::kTooLarge);
  EXPECT_THAT(while_decoding.what(), HasSubstr("expected at most 5 s of audio, got at least"));
}

TEST_F(BadAudio, APipeIsReadToItsEnd) {
  const std::string bytes = good_wav();
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path("pipe"), std::ios::binary) << bytes; });
  EXPECT_EQ(load_audio_file(path("pipe")).samples.size(), 16000U);
  writer.join();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow memory counts
int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

TEST_F(BadAudio, AnHourTakesNoMoreMemoryThanItsResult) {
  const fs::path file = path("hour.wav");
  constexpr uint32_t kSamples = 3600 * 8000;
  {
    // Its samples are a hole in the file: an hour of the lowest value, 8 bits unsigned.
    std::string header = file_bytes(
        write_sound("h.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8000, 1, std::vector<float>(100)));
    header.resize(44);
    header = with_u32(with_u32(header, kRiffSizeAt, 36 + kSamples), kDataSizeAt, kSamples);
    write_bytes("hour.wav", header);
    fs::resize_file(file, 44 + kSamples);
  }
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak is now what is in use
  const int64_t before = peak_memory_bytes();
  const AudioClip clip = load_audio_file(file);
  const int64_t taken = peak_memory_bytes() - before;
  EXPECT_EQ(clip.samples.size(), 2 * kSamples);
  EXPECT_NEAR(clip.samples[kSamples], -1.0F, 1e-4F);
  EXPECT_LT(taken, static_cast<int64_t>(clip.samples.size() * sizeof(float)) + (16 << 20));
}
#endif

TEST_F(BadAudio, DamagedFilesNeverCrash) {
  std::vector<std::string> originals{good_wav()};
  for (const int format :
       {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
        SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, SF_FORMAT_AIFF | SF_FORMAT_PCM_16})
    originals.push_back(
        file_bytes(write_sound("original", format, 44100, 1, sine(440, 44100, 20000))));
  for (const std::string& original : originals)
    for (uint64_t round = 0; round < 40; ++round) {
      Rng rng(1, round);
      std::string bytes = original;
      const auto last = static_cast<int64_t>(bytes.size()) - 1;
      for (int i = 0; i < 8; ++i)  // half of the damage in the header
        bytes[static_cast<size_t>(rng.integer(
            0, i % 2 == 0 ? std::min<int64_t>(99, last) : last))] = static_cast<char>(rng.next());
      if (rng.chance(0.3)) bytes.resize(static_cast<size_t>(rng.integer(0, last)));
      try {
        const AudioClip clip = decode_audio(std::as_bytes(std::span(bytes)), "damaged");
        EXPECT_FALSE(clip.samples.empty());
        EXPECT_LE(clip.seconds(), 7201);
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("damaged"));
      }
    }
}

TEST_F(BadAudio, WritingWhereNothingCanBeWritten) {
  const Error error = error_of([&] { write_wav_file(path("none/a.wav"), {{0.5F}}); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.what(), HasSubstr("none/a.wav"));
  EXPECT_EQ(error_of([&] { write_wav_file(path("a.wav"), {{std::nanf("")}}); }).code(),
            ErrorCode::kInvalidAudio);
  EXPECT_FALSE(fs::exists(path("a.wav")));
}

}  // namespace
}  // namespace stapes
