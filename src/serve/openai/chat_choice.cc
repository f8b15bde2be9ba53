#include "serve/openai/chat_choice.h"

#include <utility>

namespace stapes::serve {

MessagePiece ChatChoice::push(bool thinking, const std::string& text) {
  MessagePiece piece;
  thinking ? add_thinking(text, piece) : add_answer(text, piece);
  return piece;
}

MessagePiece ChatChoice::finish(bool thought_closed) {
  MessagePiece piece;
  if (thought_closed) close_thought(piece);
  if (view_.parse_tool_calls) add_pieces(tools_.finish(), piece);
  if (view_.speech) piece.speech = speech_.finish();
  return piece;
}

void ChatChoice::add_thinking(const std::string& text, MessagePiece& piece) {
  if (text.empty()) return;
  switch (view_.reasoning_format) {
    case ReasoningFormat::kHidden:
      return;
    case ReasoningFormat::kReasoningContent:
      piece.reasoning += text;
      return;
    case ReasoningFormat::kInContent:
      break;
  }
  // Where the client's own message opened the thought, the marker stands there already.
  if (!in_thought_ && !view_.client_opened_thought) piece.content += "<think>\n";
  in_thought_ = true;
  piece.content += text;
}

void ChatChoice::close_thought(MessagePiece& piece) {
  const bool shown_open = in_thought_ || (view_.client_opened_thought &&
                                          view_.reasoning_format == ReasoningFormat::kInContent);
  if (!shown_open) return;
  piece.content += "\n</think>\n";
  in_thought_ = false;
  view_.client_opened_thought = false;
}

void ChatChoice::add_answer(const std::string& text, MessagePiece& piece) {
  if (text.empty()) return;
  close_thought(piece);
  if (view_.speech) {
    piece.speech = speech_.push(text);
  } else if (view_.parse_tool_calls) {
    add_pieces(tools_.push(text), piece);
  } else {
    piece.content += text;
  }
}

void ChatChoice::add_pieces(std::vector<ToolCallSplitter::Piece> pieces, MessagePiece& out) {
  for (ToolCallSplitter::Piece& piece : pieces) {
    out.content += piece.text;
    if (!piece.call) continue;
    out.calls.push_back(std::move(*piece.call));
    ++calls_;
  }
}

}  // namespace stapes::serve
