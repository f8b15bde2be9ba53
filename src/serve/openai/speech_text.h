// Answers that the model speaks: words and <audio_N> in turns.
#pragma once

#include <string>
#include <string_view>

namespace stapes::serve {

struct SpeechText {
  std::string words;
  std::string audio;  // "<audio_12><audio_7>"

  bool empty() const { return words.empty() && audio.empty(); }
};

// Feed text in any pieces. <tts_start>, <tts_end>, <tts_pad> and <audio_6561> (padding) go.
class SpeechSplitter {
 public:
  SpeechText push(std::string_view text);
  SpeechText finish();

 private:
  SpeechText consume(bool at_end);

  std::string pending_;
};

}  // namespace stapes::serve
