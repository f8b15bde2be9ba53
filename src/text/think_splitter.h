// The one think/answer splitter: works on text, since the release writes <think> and </think> as
// plain text whose letters fall into several tokens (reference A7, A8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stapes {

enum class Section : uint8_t { kThinking, kAnswer };

struct SectionDelta {
  Section section;
  std::string text;

  bool operator==(const SectionDelta&) const = default;
};

// Feed generated text in any pieces; the concatenated deltas do not depend on where it was cut.
// Understands <think>…</think> and <|THINK_START|>…<|THINK_END|>, thinking already open in the
// prompt, a missing end marker (all is thinking, the answer is empty), <RESPONSE>…</RESPONSE>
// around the answer (removed), an empty thought; newlines around the thought and before the answer
// are removed.
//
// In detail, where "newline" is "\n":
// - A start marker counts only at the beginning (after newlines); also when thinking is open
// already,
//   since models repeat it. The first end marker in the thought ends it, whichever its spelling.
//   In the answer both are text.
// - <RESPONSE> counts only at the beginning of the answer (after newlines); then newlines after it,
// the
//   first </RESPONSE>, newlines before that and newlines at the very end are removed too.
// - Text that may still become a marker, and newlines that may still have to go, are held back
// until
//   that is certain or finish() is called. At finish() an unfinished marker is text, and newlines
//   at the end of an unclosed thought are removed.
class ThinkSplitter {
 public:
  explicit ThinkSplitter(bool thinking_open);
  // Open if the last marker of the prompt's text is a start marker.
  static bool thinking_open_after(std::string_view prompt_text);

  std::vector<SectionDelta> push(std::string_view text);
  std::vector<SectionDelta> finish();
  // True once the end marker (or text outside any thought) was seen.
  bool answering() const { return state_ >= State::kAnswerStart; }
  // True once the end marker was seen.
  bool closed() const { return closed_; }

 private:
  enum class State : uint8_t {
    kStart,          // nothing but newlines so far: a thought or an answer may begin
    kThinkingStart,  // inside the thought, nothing of it so far
    kThinking,
    kAnswerStart,   // after the thought, nothing of the answer so far
    kWrappedStart,  // after <RESPONSE>
    kWrapped,       // inside <RESPONSE>
    kAfterWrapped,  // after </RESPONSE>
    kAnswer,
  };

  // A marker that counts in a state, and the state after it.
  struct Transition {
    std::string_view marker;
    State next;
  };
  static std::span<const Transition> transitions(State state);

  void consume(bool at_end, std::vector<SectionDelta>& deltas);
  // Follows a marker that counts in this state at the beginning of `text`, and returns its length.
  size_t take_marker(std::string_view text);
  bool may_become_marker(std::string_view text) const;
  void take_newline(std::vector<SectionDelta>& deltas);
  void take_text(std::string_view text, std::vector<SectionDelta>& deltas);
  void append(std::string_view text, std::vector<SectionDelta>& deltas) const;

  State state_;
  bool closed_ = false;
  size_t held_newlines_ = 0;
  std::string pending_;  // the beginning of what may be a marker
};

struct ThinkingAndAnswer {
  std::string thinking;
  std::string answer;
  bool closed = false;  // an end marker was seen
};
ThinkingAndAnswer split_thinking(std::string_view text, bool thinking_open);

// What follows the last end marker and the newlines after it; all of `text` where there is no end
// marker. For earlier turns of a conversation, whose thinking is not sent again.
std::string_view without_thinking(std::string_view text);

}  // namespace stapes
