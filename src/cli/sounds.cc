#include "cli/sounds.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <span>
#include <utility>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "cli/output.h"
#include "text/utf8.h"

namespace stapes::cli {
namespace {

constexpr const char* kStandardInput = "-";

AudioClip decode(const std::string& file) {
  if (file != kStandardInput) return load_audio_file(file);
  const std::string contents = read_stdin();
  return decode_audio(std::as_bytes(std::span(contents)), "standard input");
}

}  // namespace

Sound load_sound(const std::string& file, std::vector<AudioClip>& clips) {
  const AudioClip whole = decode(file);
  std::vector<AudioClip> pieces = pieces_to_hear(whole);
  const Sound sound{file, whole.seconds(), clips.size(), pieces.size()};
  if (sound.clips > 1)
    fmt::print(stderr, "stapes: {} lasts {:.1f} s and is heard in {} pieces, cut every 25 s\n",
               file, sound.seconds, sound.clips);
  std::move(pieces.begin(), pieces.end(), std::back_inserter(clips));
  return sound;
}

std::vector<Sound> load_sounds(const std::vector<std::string>& files,
                               std::vector<AudioClip>& clips) {
  if (std::count(files.begin(), files.end(), kStandardInput) > 1)
    fail(ErrorCode::kUsage, "expected - (standard input) at most once, got it {} times",
         std::count(files.begin(), files.end(), kStandardInput));
  std::vector<Sound> sounds;
  for (const std::string& file : files) sounds.push_back(load_sound(file, clips));
  return sounds;
}

void check_question(const std::string& question) {
  if (question.find_first_not_of(" \t\r\n") == std::string::npos)
    fail(ErrorCode::kInvalidText, "expected a question, got an empty text");
  if (const size_t offset = find_invalid_utf8(question); offset != std::string::npos)
    fail(ErrorCode::kInvalidText, "expected a question in UTF-8, got an invalid byte at offset {}",
         offset);
}

ChatMessage user_turn(const std::vector<Sound>& sounds, const std::string& question) {
  ChatMessage message{.role = "user", .parts = {}};
  for (const Sound& sound : sounds)
    for (size_t clip = 0; clip < sound.clips; ++clip)
      message.parts.push_back(ContentPart::of_audio(sound.first_clip + clip));
  message.parts.push_back(ContentPart::of_text(question));
  return message;
}

}  // namespace stapes::cli
