#include "audio/audio_file.h"

#include <fmt/format.h>
#include <sndfile.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <ostream>
#include <utility>

#include "audio/byte_source.h"
#include "audio/resampler.h"
#include "audio/wav_header.h"
#include "base/fail.h"
#include "base/file.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kBlockValues = 1 << 16;
constexpr int kMinRateHz = 1000;
constexpr int kMaxRateHz = 10'000'000;
// Samples are nominally in [-1, 1]; floats scaled as integers are louder. Beyond this it is no
// sound, and its power would leave the range of a float.
constexpr double kMaxMagnitude = 1e9;
// A recording whose end was lost is used if at least this share of what its header claims is there.
constexpr double kMinFoundShare = 0.9;
constexpr double kShortestRestSeconds = 0.1;

// libsndfile's view of a ByteSource. Exceptions may not cross its C frames: ByteSource throws none.
struct VirtualFile {
  ByteSource* source;
  sf_count_t position = 0;

  static VirtualFile& from(void* user) { return *static_cast<VirtualFile*>(user); }
  static sf_count_t size(void* user) { return from(user).source->size(); }
  static sf_count_t tell(void* user) { return from(user).position; }
  static sf_count_t seek(sf_count_t offset, int whence, void* user) {
    VirtualFile& file = from(user);
    const sf_count_t start = whence == SEEK_SET   ? 0
                             : whence == SEEK_CUR ? file.position
                                                  : file.source->size();
    file.position = std::clamp<sf_count_t>(start + offset, 0, file.source->size());
    return file.position;
  }
  static sf_count_t read(void* target, sf_count_t count, void* user) {
    VirtualFile& file = from(user);
    if (count <= 0) return 0;
    const auto got = static_cast<sf_count_t>(file.source->read_at(
        file.position, {static_cast<std::byte*>(target), static_cast<size_t>(count)}));
    file.position += got;
    return got;
  }
};

struct SndFileCloser {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SndFile = std::unique_ptr<SNDFILE, SndFileCloser>;

// By content: with no name given, libsndfile cannot fall back on the extension.
SndFile open_decoder(VirtualFile& file, SF_INFO& info, const std::string& name) {
  SF_VIRTUAL_IO io{&VirtualFile::size, &VirtualFile::seek, &VirtualFile::read, nullptr,
                   &VirtualFile::tell};
  SndFile decoder(sf_open_virtual(&io, SFM_READ, &info, &file));
  if (decoder == nullptr)
    fail(ErrorCode::kInvalidAudio,
         "{} is not audio that can be read (expected WAV, FLAC, Ogg, MP3, AIFF, ...): {}", name,
         sf_strerror(nullptr));
  return decoder;
}

void check_wav_header(const WavHeader& header, const std::string& name) {
  if (!header.sample_rate_hz || !header.claimed_data_bytes)
    fail(ErrorCode::kInvalidAudio, "{}: the WAV header is cut off: it has no {} chunk", name,
         header.sample_rate_hz ? "data" : "fmt");
  if (*header.sample_rate_hz == 0)
    fail(ErrorCode::kInvalidAudio,
         "{}: expected a sample rate above 0 Hz, the WAV header says 0 Hz", name);
  const int64_t claimed = *header.claimed_data_bytes, found = header.found_data_bytes;
  if (header.length_unknown || claimed <= found) return;
  if (static_cast<double>(found) < kMinFoundShare * static_cast<double>(claimed))
    fail(ErrorCode::kInvalidAudio,
         "{}: the WAV header claims {} bytes of samples, but the file holds only {}", name, claimed,
         found);
  spdlog::warn("{}: the WAV header claims {} bytes of samples, the file holds {}; using these",
               name, claimed, found);
}

void check_format(const SF_INFO& info, const DecodeLimits& limits, const std::string& name) {
  if (info.samplerate < kMinRateHz || info.samplerate > kMaxRateHz)
    fail(ErrorCode::kInvalidAudio, "{}: expected a sample rate of {} to {} Hz, got {} Hz", name,
         kMinRateHz, kMaxRateHz, info.samplerate);
  if (info.channels < 1 || info.channels > limits.max_channels)
    fail(ErrorCode::kTooLarge, "{}: expected 1 to {} channels, got {}", name, limits.max_channels,
         info.channels);
}

// The mean of the channels, replacing the interleaved values by it.
void mix_to_mono(std::vector<float>& values, int channels) {
  const auto width = static_cast<size_t>(channels);
  if (width == 1) return;
  const size_t frames = values.size() / width;
  for (size_t frame = 0; frame < frames; ++frame) {
    double sum = 0.0;
    for (size_t channel = 0; channel < width; ++channel) sum += values[frame * width + channel];
    values[frame] = static_cast<float>(sum / channels);
  }
  values.resize(frames);
}

class Decoder {
 public:
  Decoder(ByteSource& source, const std::string& name, const DecodeLimits& limits)
      : name_(name), limits_(limits), repaired_(source), file_{&repaired_} {
    if (source.size() == 0) fail(ErrorCode::kInvalidAudio, "{} is empty: expected audio", name);
    if (const auto header = read_wav_header(source)) {
      check_wav_header(*header, name);
      if (header->length_unknown) repaired_ = with_known_length(source, *header);
    }
    decoder_ = open_decoder(file_, info_, name);
    check_format(info_, limits, name);
    // MP3 files do not state their length, libsndfile guesses it: only what is decoded counts
    // there.
    length_is_stated_ = (info_.format & SF_FORMAT_TYPEMASK) != SF_FORMAT_MPEG &&
                        info_.frames >= 0 && info_.frames < SF_COUNT_MAX;
    if (length_is_stated_) check_seconds(static_cast<double>(info_.frames) / info_.samplerate);
  }

  AudioClip decode() {
    AudioClip clip;
    clip.samples.reserve(plausible_result_samples());
    Resampler resampler(info_.samplerate, kSampleRateHz);
    std::vector<float> block;
    while (read_block(block)) {
      resampler.push(block, clip.samples);
      check_seconds(static_cast<double>(frames_) / info_.samplerate);
    }
    resampler.finish(clip.samples);
    check_length();
    if (clip.samples.empty())
      fail(ErrorCode::kInvalidAudio,
           "{} is too short: at 16 kHz nothing is left of its samples (count: {}, rate: {} Hz)",
           name_, frames_, info_.samplerate);
    return clip;
  }

 private:
  // So that the result need not be moved while it grows. The header's word is believed only as far
  // as the bytes can carry it: no codec here packs more than 32 samples into a byte, save of
  // silence.
  size_t plausible_result_samples() const {
    if (!length_is_stated_) return 0;
    const double stated = static_cast<double>(info_.frames) * kSampleRateHz / info_.samplerate + 1;
    return static_cast<size_t>(std::min(stated, 32.0 * static_cast<double>(file_.source->size())));
  }

  bool read_block(std::vector<float>& block) {
    const sf_count_t wanted = std::max<sf_count_t>(1, kBlockValues / info_.channels);
    block.resize(static_cast<size_t>(wanted * info_.channels));
    const sf_count_t got = sf_readf_float(decoder_.get(), block.data(), wanted);
    if (got <= 0) return false;
    block.resize(static_cast<size_t>(got * info_.channels));
    check_values(block);
    mix_to_mono(block, info_.channels);
    frames_ += got;
    return true;
  }

  void check_values(const std::vector<float>& values) const {
    const auto bad = std::find_if(values.begin(), values.end(), [](float value) {
      return !(std::abs(value) <= kMaxMagnitude);  // false for NaN too
    });
    if (bad == values.end()) return;
    const int64_t frame = frames_ + (bad - values.begin()) / info_.channels;
    fail(ErrorCode::kInvalidAudio, "{}: expected samples in [-1, 1], got {} at {:.3f} s", name_,
         *bad, static_cast<double>(frame) / info_.samplerate);
  }

  void check_seconds(double seconds) const {
    if (seconds > limits_.max_seconds)
      fail(ErrorCode::kTooLarge, "{}: expected at most {:.0f} s of audio, got {}{:.0f} s", name_,
           limits_.max_seconds, length_is_stated_ ? "" : "at least ", seconds);
  }

  void check_length() const {
    if (length_is_stated_ &&
        static_cast<double>(frames_) < kMinFoundShare * static_cast<double>(info_.frames))
      fail(ErrorCode::kInvalidAudio,
           "{}: the header claims {} samples, but only {} could be decoded{}", name_, info_.frames,
           frames_, decoder_error());
    if (frames_ == 0) fail(ErrorCode::kInvalidAudio, "{} holds no samples", name_);
  }

  std::string decoder_error() const {
    if (sf_error(decoder_.get()) == SF_ERR_NO_ERROR) return "";
    return fmt::format(": {}", sf_strerror(decoder_.get()));
  }

  const std::string& name_;
  const DecodeLimits& limits_;
  PatchedSource repaired_;
  VirtualFile file_;
  SF_INFO info_{};
  SndFile decoder_;
  bool length_is_stated_ = false;
  int64_t frames_ = 0;  // decoded so far
};

void append_little_endian(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

// The 44 bytes before the samples of a mono 16-bit PCM file.
std::string wav_header_bytes(uint32_t data_bytes) {
  std::string out = "RIFF";
  append_little_endian(out, 36 + data_bytes, 4);
  out += "WAVEfmt ";
  append_little_endian(out, 16, 4);                 // bytes of this chunk
  append_little_endian(out, 1, 2);                  // PCM
  append_little_endian(out, 1, 2);                  // channels
  append_little_endian(out, kSampleRateHz, 4);      // samples per second
  append_little_endian(out, kSampleRateHz * 2, 4);  // bytes per second
  append_little_endian(out, 2, 2);                  // bytes per sample of all channels
  append_little_endian(out, 16, 2);                 // bits
  out += "data";
  append_little_endian(out, data_bytes, 4);
  return out;
}

}  // namespace

AudioClip load_audio_file(const fs::path& path, const DecodeLimits& limits) {
  FileSource source(path);
  const std::string name = path.string();
  return Decoder(source, name, limits).decode();
}

AudioClip decode_audio(std::span<const std::byte> bytes, const std::string& name,
                       const DecodeLimits& limits) {
  MemorySource source(bytes);
  return Decoder(source, name, limits).decode();
}

std::vector<float> resample(std::span<const float> samples, double from_hz, double to_hz) {
  std::vector<float> out;
  Resampler resampler(from_hz, to_hz);
  resampler.push(samples, out);
  resampler.finish(out);
  return out;
}

void write_wav_file(const fs::path& path, const AudioClip& clip) {
  constexpr size_t kMaxSamples = (UINT32_MAX - 36) / 2;
  if (clip.samples.size() > kMaxSamples)
    fail(ErrorCode::kTooLarge, "{}: a WAV file holds at most {} samples, got {}", path.string(),
         kMaxSamples, clip.samples.size());
  std::string contents = wav_header_bytes(static_cast<uint32_t>(clip.samples.size() * 2));
  contents.reserve(contents.size() + clip.samples.size() * 2);
  for (const float sample : clip.samples) {
    if (!std::isfinite(sample))
      fail(ErrorCode::kInvalidAudio, "{}: expected finite samples, got {}", path.string(), sample);
    const long value = std::lrint(std::clamp(sample * 32768.0F, -32768.0F, 32767.0F));
    append_little_endian(contents, static_cast<uint32_t>(value), 2);
  }
  write_file_atomically(path, contents);
}

std::vector<AudioClip> split_clip(const AudioClip& clip, double max_seconds) {
  if (!(max_seconds * kSampleRateHz >= 1.0))
    fail(ErrorCode::kUsage, "expected pieces of at least one sample, got {} s", max_seconds);
  const size_t total = clip.samples.size();
  const auto piece = static_cast<size_t>(
      std::min(std::round(max_seconds * kSampleRateHz), static_cast<double>(total) + 1.0));
  std::vector<AudioClip> pieces;
  for (size_t begin = 0; begin < total; begin += piece) {
    const auto first = clip.samples.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto count = static_cast<std::ptrdiff_t>(std::min(piece, total - begin));
    pieces.push_back({std::vector<float>(first, first + count)});
  }
  return pieces;
}

std::vector<AudioClip> pieces_to_hear(const AudioClip& clip) {
  std::vector<AudioClip> pieces = split_clip(clip);
  if (pieces.size() < 2 || pieces.back().seconds() >= kShortestRestSeconds) return pieces;
  const AudioClip rest = std::move(pieces.back());
  pieces.pop_back();
  std::vector<float>& samples = pieces.back().samples;
  samples.insert(samples.end(), rest.samples.begin(), rest.samples.end());
  return pieces;
}

}  // namespace stapes
