// A conversation: turns of text and sound.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace stapes {

struct ContentPart {
  enum class Kind { kText, kAudio, kControl };
  Kind kind = Kind::kText;
  std::string text;        // kText: UTF-8; control tokens in it stay text. kControl: a token's name
  size_t audio_index = 0;  // kAudio: which of the request's clips (each at most 25 s)

  static ContentPart of_text(std::string text) { return {Kind::kText, std::move(text), 0}; }
  static ContentPart of_audio(size_t index) { return {Kind::kAudio, {}, index}; }
  // One added token of the vocabulary, such as "<tts_start>"; where the model has none of this
  // name, the name as text. Never make one of what a user wrote.
  static ContentPart of_control(std::string name) { return {Kind::kControl, std::move(name), 0}; }
};

struct ChatMessage {
  // "system", "assistant", "user" (written as "human"), "tool" (as "function_output"),
  // "function_output" (as "input"); any other stands as it is.
  std::string role;
  std::vector<ContentPart> parts;
};

}  // namespace stapes
