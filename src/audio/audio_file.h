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

// Decodes (libsndfile: WAV, FLAC, Ogg Vorbis/Opus, MP3, AIFF, ...), takes the mean of the channels
// and resamples with soxr (very high quality). Decodes in blocks: memory is bounded by the 16 kHz
// mono result, and by the bytes that are there, never by what a header claims. A pipe is read to
// its end.
//
// Where the file and its header disagree:
// - a tenth or less of the claimed samples is missing (a recording cut short): what is there is
// used,
//   with a warning in the log; more is missing: kInvalidAudio with the claimed and the found size;
// - a WAV whose sizes are the placeholders that ffmpeg, sox and arecord leave in a pipe (in the
// RIFF
//   and in the data chunk), or that was never completed: all that follows is used;
// - MP3 states no length: what can be decoded is used.
//
// Throws kNotFound, kIo, kTooLarge (too long, too many channels), kInvalidAudio (not audio, no
// samples, NaN, infinite or absurd samples, a header that lies or is cut off, a rate outside 1 kHz
// to 10 MHz): the message names the file and what was wrong.
AudioClip load_audio_file(const std::filesystem::path& path, const DecodeLimits& limits = {});
// The same from bytes in memory; `name` stands for the file in messages.
AudioClip decode_audio(std::span<const std::byte> bytes, const std::string& name,
                       const DecodeLimits& limits = {});

// Any rate to any rate, soxr VHQ. rates in Hz.
std::vector<float> resample(std::span<const float> samples, double from_hz, double to_hz);

// 16-bit PCM WAV, mono, 16 kHz; samples outside [-1, 1] are clipped; written atomically.
// Throws kIo, kInvalidAudio (NaN or infinite samples), kTooLarge (over 4 GB).
void write_wav_file(const std::filesystem::path& path, const AudioClip& clip);

// As the official client does: pieces of `max_seconds`, the last one shorter; never an empty last
// piece.
std::vector<AudioClip> split_clip(const AudioClip& clip, double max_seconds = 25.0);

// split_clip at 25 s for a model: a rest of less than 0.1 s, which may give it no token, joins the
// piece before it (the encoder hears 29.98 s).
std::vector<AudioClip> pieces_to_hear(const AudioClip& clip);

}  // namespace stapes
