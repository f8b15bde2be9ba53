// Any sound file to mono 16 kHz, by content and not by name; and WAV out.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "stapes/audio.h"

namespace stapes {

struct DecodeLimits {
  double max_seconds = 2.0 * 3600;  // longer files are refused (kTooLarge) before memory is taken
  int max_channels = 64;
};

// Decodes (libsndfile: WAV, FLAC, Ogg Vorbis/Opus, MP3, ...), takes the mean of the channels and
// resamples with soxr (very high quality). Decodes in blocks: memory is bounded by the 16 kHz mono
// result. Throws kNotFound, kIo, kTooLarge, kInvalidAudio (not audio, no samples, NaN or infinite
// samples, a header that lies, 0 Hz): the message names the file and what was wrong.
AudioClip load_audio_file(const std::filesystem::path& path, const DecodeLimits& limits = {});
// The same from bytes in memory; `name` stands for the file in messages.
AudioClip decode_audio(std::span<const std::byte> bytes, const std::string& name,
                       const DecodeLimits& limits = {});

// Any rate to any rate, soxr VHQ. rates in Hz.
std::vector<float> resample(std::span<const float> samples, double from_hz, double to_hz);

// 16-bit PCM WAV, mono, 16 kHz; written atomically.
void write_wav_file(const std::filesystem::path& path, const AudioClip& clip);

// As the official client does: pieces of `max_seconds`, the last one shorter; never an empty last
// piece.
std::vector<AudioClip> split_clip(const AudioClip& clip, double max_seconds = 25.0);

}  // namespace stapes
