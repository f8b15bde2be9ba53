// One sample of a chat while it is written: deltas in, the fields of OpenAI's message out.
#pragma once

#include <string>
#include <vector>

#include "serve/openai/chat_request.h"
#include "serve/openai/json_body.h"
#include "serve/openai/speech_text.h"
#include "stapes/engine.h"
#include "text/tool_calls.h"

namespace stapes::serve {

// What came since the last time. Thinking is either in `reasoning` or in `content`.
struct MessagePiece {
  std::string reasoning;
  std::string content;
  SpeechText speech;
  std::vector<ToolCall> calls;

  bool empty() const {
    return reasoning.empty() && content.empty() && speech.empty() && calls.empty();
  }
};

// How a chat's text is shown: the request without its body.
struct ChatView {
  ReasoningFormat reasoning_format = ReasoningFormat::kReasoningContent;
  bool client_opened_thought = false;
  bool parse_tool_calls = false;
  bool speech = false;
};

class ChatChoice {
 public:
  explicit ChatChoice(const ChatView& view) : view_(view) {}

  MessagePiece push(bool thinking, const std::string& text);
  // thought_closed: an end of thinking was written (Result::thought_closed).
  MessagePiece finish(bool thought_closed);

  bool called_tools() const { return calls_ > 0; }
  size_t calls() const { return calls_; }

 private:
  void add_thinking(const std::string& text, MessagePiece& piece);
  void add_answer(const std::string& text, MessagePiece& piece);
  void close_thought(MessagePiece& piece);
  void add_pieces(std::vector<ToolCallSplitter::Piece> pieces, MessagePiece& out);

  ChatView view_;
  ToolCallSplitter tools_;
  SpeechSplitter speech_;
  bool in_thought_ = false;  // kInContent: a thought is shown and not closed
  size_t calls_ = 0;
};

}  // namespace stapes::serve
