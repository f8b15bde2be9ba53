#include "serve/openai/audio_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

#include "audio/audio_file.h"
#include "audio/byte_source.h"
#include "audio/log_mel.h"
#include "audio/wav_header.h"
#include "base/fail.h"
#include "base/file.h"
#include "serve/openai/base64.h"
#include "spec/audio_tokens.h"

namespace stapes::serve {
namespace fs = std::filesystem;
namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::ranges::equal(text.substr(0, lower.size()), lower, {}, [](char c) {
           return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
         });
}

// Whatever `action` throws as an Error is about this field.
template <typename Action>
auto about(const Field& field, const Action& action) {
  try {
    return action();
  } catch (const RequestError&) {
    throw;
  } catch (const Error& error) {
    const std::string sentence = error.what();
    const bool named = sentence.starts_with(field.path());
    throw RequestError(error.code(), named ? sentence : field.path() + ": " + sentence,
                       field.path());
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (!escape) {
      decoded += text[i];
      continue;
    }
    decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

bool is_below(const fs::path& path, const fs::path& root) {
  const auto [root_end, ignored] = std::ranges::mismatch(root, path);
  return root_end == root.end() || (root_end->empty() && std::next(root_end) == root.end());
}

// What the release's client sends as the last piece of a sound that lasts a multiple of 25 s.
bool is_wav_without_samples(std::string_view bytes) {
  MemorySource source(std::as_bytes(std::span(bytes)));
  const std::optional<WavHeader> header = read_wav_header(source);
  return header && header->sample_rate_hz && header->claimed_data_bytes == 0 &&
         header->found_data_bytes == 0;
}

std::string read_regular_file(const fs::path& path, const AudioPolicy& policy) {
  if (path.string().find('\0') != std::string::npos)
    fail(ErrorCode::kUsage, "expected a path, got one with a zero byte in it");
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  // The same words whether it exists or not: who may not read it may not learn that either.
  if (error || !is_below(real, fs::weakly_canonical(policy.file_root)))
    fail(ErrorCode::kUsage, "expected a file below {}", policy.file_root.string());
  if (!fs::is_regular_file(real, error)) fail(ErrorCode::kNotFound, "there is no such file");
  const auto bytes = static_cast<int64_t>(fs::file_size(real));
  if (bytes > policy.max_clip_bytes)
    fail(ErrorCode::kTooLarge, "expected at most {} bytes, the file has {}", policy.max_clip_bytes,
         bytes);
  return read_file(real);
}

}  // namespace

void AudioReader::read_input_audio(const Field& input_audio, std::vector<ContentPart>& parts) {
  const Field data = input_audio.require("data");
  if (starts_with_ignoring_case(data.text(), "data:")) return read_data_url(data, parts);
  read_base64(data, data.text(), parts);
}

void AudioReader::read_audio_url(const Field& audio_url, std::vector<ContentPart>& parts) {
  const Field url = audio_url.is_string() ? audio_url : audio_url.require("url");
  const std::string& text = url.text();
  if (starts_with_ignoring_case(text, "data:")) return read_data_url(url, parts);
  if (starts_with_ignoring_case(text, "http://") || starts_with_ignoring_case(text, "https://"))
    return read_web_url(url, parts);
  if (starts_with_ignoring_case(text, "file://"))
    return read_file(url, percent_decoded(std::string_view(text).substr(7)), parts);
  if (text.starts_with('/')) return read_file(url, text, parts);
  url.refuse("expected a data:, http:, https: or file: URL");
}

void AudioReader::read_base64(const Field& field, std::string_view data,
                              std::vector<ContentPart>& parts) {
  const std::string bytes = about(field, [&] {
    return decode_base64(data, static_cast<size_t>(std::max<int64_t>(0, policy_.max_clip_bytes)));
  });
  decode(field, bytes, parts);
}

void AudioReader::read_data_url(const Field& field, std::vector<ContentPart>& parts) {
  const std::string_view url = field.text();
  const size_t comma = url.find(',');
  if (comma == std::string_view::npos || !url.substr(0, comma).ends_with(";base64"))
    field.refuse("expected a data: URL with base64, as in data:audio/wav;base64,...");
  const std::string_view data = url.substr(comma + 1);
  const bool escaped = data.find('%') != std::string_view::npos;
  escaped ? read_base64(field, percent_decoded(data), parts) : read_base64(field, data, parts);
}

void AudioReader::read_web_url(const Field& field, std::vector<ContentPart>& parts) {
  if (!policy_.allow_urls || !policy_.fetch)
    field.refuse("this server fetches no URLs; send the sound itself as input_audio");
  decode(field, about(field, [&] { return policy_.fetch(field.text()); }), parts);
}

void AudioReader::read_file(const Field& field, const std::string& path,
                            std::vector<ContentPart>& parts) {
  if (!policy_.allow_files)
    field.refuse("this server reads no files; send the sound itself as input_audio");
  if (!path.starts_with('/')) field.refuse("expected an absolute path, as in file:///a/b.wav");
  decode(field, about(field, [&] { return read_regular_file(path, policy_); }), parts);
}

void AudioReader::decode(const Field& field, std::string_view bytes,
                         std::vector<ContentPart>& parts) {
  if (static_cast<int64_t>(bytes.size()) > policy_.max_clip_bytes)
    field.refuse(
        fmt::format("expected at most {} bytes, got {}", policy_.max_clip_bytes, bytes.size()),
        ErrorCode::kTooLarge);
  const bool follows_sound = !parts.empty() && parts.back().kind == ContentPart::Kind::kAudio;
  if (follows_sound && is_wav_without_samples(bytes)) return;
  const double left = policy_.max_audio_seconds - seconds_;
  if (left <= 0)
    field.refuse(
        fmt::format("the sounds of a request may last {:.0f} s together, which those before "
                    "this one do",
                    policy_.max_audio_seconds),
        ErrorCode::kTooLarge);
  const AudioClip clip = about(field, [&] {
    return decode_audio(std::as_bytes(std::span(bytes)), field.path(), {.max_seconds = left});
  });
  seconds_ += clip.seconds();
  const int64_t frames = mel_frame_count(static_cast<int64_t>(clip.samples.size()));
  if (audio_token_count(frames, rule_) < 1)
    field.refuse(fmt::format("the sound lasts only {:.3f} s: too short to give the model one token",
                             clip.seconds()),
                 ErrorCode::kInvalidAudio);
  for (AudioClip& piece : pieces_to_hear(clip)) {
    parts.push_back(ContentPart::of_audio(clips_.size()));
    clips_.push_back(std::move(piece));
  }
}

}  // namespace stapes::serve
