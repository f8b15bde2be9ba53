// The one think/answer splitter: works on text, since the release writes <think> and </think> as plain
// text whose letters fall into several tokens (reference A7, A8).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stapes {

enum class Section : uint8_t { kThinking, kAnswer };

struct SectionDelta {
  Section section;
  std::string text;
};

// Feed generated text in any pieces; the concatenated deltas do not depend on where it was cut.
// Understands <think>…</think> and <|THINK_START|>…<|THINK_END|>, thinking already open in the prompt,
// a missing end marker (all is thinking, the answer is empty), <RESPONSE>…</RESPONSE> around the answer
// (removed), an empty thought; newlines around the thought and before the answer are removed.
class ThinkSplitter {
 public:
  explicit ThinkSplitter(bool thinking_open);
  // Open if the last marker of the prompt's text is a start marker.
  static bool thinking_open_after(std::string_view prompt_text);

  std::vector<SectionDelta> push(std::string_view text);
  std::vector<SectionDelta> finish();
  // True once the end marker (or text outside any thought) was seen.
  bool answering() const { return section_ == Section::kAnswer; }

 private:
  Section section_;
  std::string pending_;
};

struct ThinkingAndAnswer {
  std::string thinking;
  std::string answer;
  bool closed = false;  // an end marker was seen
};
ThinkingAndAnswer split_thinking(std::string_view text, bool thinking_open);

}  // namespace stapes
