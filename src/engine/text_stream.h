// From generated tokens to what a user sees: bytes, characters, stop texts, thinking and answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/stop_matcher.h"
#include "stapes/engine.h"
#include "text/think_splitter.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace stapes {

// What ends a thought, as the release writes it (reference A8).
inline constexpr const char* kThoughtEnd = "\n</think>\n";

// What is still to be written after `text` so that it ends with a complete end of thought: if it
// already ends with the beginning of one, only the rest.
std::string rest_of_thought_end(std::string_view text);

struct TextOptions {
  std::vector<std::string> stops = {};
  bool thinking_open = false;  // in the prompt
  bool split_thinking = true;  // false: markers stay, and all of the text is the answer
  bool show_special_tokens = false;
};

// Special tokens are not shown if that is not asked for, except that the splitter gets
// <|THINK_START|> and <|THINK_END|>, and that tool calls keep their markers. Stop texts are looked
// for in all that the model writes, thinking included, but not in what is forced upon it.
class TextStream {
 public:
  // `tokenizer` must outlive the stream.
  TextStream(const Tokenizer& tokenizer, TextOptions options);

  std::vector<Delta> push(TokenId id);
  // A token that was not the model's choice (the closing of a thought).
  std::vector<Delta> push_forced(TokenId id);
  // What was held back: nothing more follows.
  std::vector<Delta> finish();

  bool stopped() const { return stops_.stopped(); }
  const std::string& stop_text() const { return stops_.met(); }
  // An end of thinking was written.
  bool thought_closed() const { return splitter_.closed(); }
  // The text so far, held back or not, ends inside a thought: the prompt's or one of its own.
  bool in_thought() const { return in_thought_; }
  // rest_of_thought_end() after the text so far.
  std::string rest_of_thought_end() const { return stapes::rest_of_thought_end(tail_); }

 private:
  std::string characters_of(TokenId id);
  void track(const std::string& text);
  std::vector<Delta> split(const std::string& text);

  const Tokenizer* tokenizer_;
  bool split_thinking_;
  bool show_special_tokens_;
  std::vector<TokenId> markers_;  // tokens that are text, special or not
  Utf8Stream utf8_;
  StopMatcher stops_;
  ThinkSplitter splitter_;
  ThinkSplitter undelayed_;  // sees the text before stop texts hold it back
  bool in_thought_;
  std::string tail_;  // the last characters of the text
};

}  // namespace stapes
