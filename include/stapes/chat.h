// A conversation: turns of text and sound.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace stapes {

struct ContentPart {
  enum class Kind { kText, kAudio, kControl, kSpeech };
  Kind kind = Kind::kText;
  // kText: UTF-8; control tokens in it stay text. kControl: a token's name. kSpeech: what was said
  std::string text;
  size_t audio_index = 0;  // kAudio: which of the request's clips (each at most 25 s)
  // kSpeech: the N of <audio_N>, 25 for a second, each 0 to 6561
  std::vector<int32_t> speech_codes = {};

  static ContentPart of_text(std::string text) { return {Kind::kText, std::move(text)}; }
  static ContentPart of_audio(size_t index) { return {Kind::kAudio, {}, index}; }
  // One added token of the vocabulary, such as "<tts_start>"; where the model has none of this
  // name, the name as text. Never make one of what a user wrote.
  static ContentPart of_control(std::string name) { return {Kind::kControl, std::move(name)}; }
  // An answer that was spoken: text and sound in turns, between <tts_start> and <tts_end>.
  static ContentPart of_speech(std::string text, std::vector<int32_t> codes) {
    return {Kind::kSpeech, std::move(text), 0, std::move(codes)};
  }
};

struct ChatMessage {
  // "system", "assistant", "user" (written as "human"), "tool" (as "function_output"),
  // "function_output" (as "input"); any other stands as it is.
  std::string role;
  std::vector<ContentPart> parts;
};

}  // namespace stapes
