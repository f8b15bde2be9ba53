// A conversation: turns of text and sound.
#pragma once

#include <string>
#include <vector>

namespace stapes {

struct ContentPart {
  enum class Kind { kText, kAudio };
  Kind kind = Kind::kText;
  std::string text;        // kText: UTF-8
  size_t audio_index = 0;  // kAudio: which of the request's clips (each at most 25 s)

  static ContentPart of_text(std::string text) { return {Kind::kText, std::move(text), 0}; }
  static ContentPart of_audio(size_t index) { return {Kind::kAudio, {}, index}; }
};

struct ChatMessage {
  std::string role;  // "system", "user" (written as "human"), "assistant", ...
  std::vector<ContentPart> parts;
};

}  // namespace stapes
