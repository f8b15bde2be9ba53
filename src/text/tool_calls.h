// Calls of tools, as the official server writes them (reference A8):
//   <tool_call>function\nNAME\nJSON-arguments</tool_call>
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stapes/chat.h"

namespace stapes {

struct ToolCall {
  std::string name;
  std::string arguments;  // as written; should be a JSON object

  bool operator==(const ToolCall&) const = default;
};

// For a turn of the assistant's: the markers are control tokens where the model has them.
void append_tool_call(const ToolCall& call, std::vector<ContentPart>& parts);

// Feed an answer in any pieces; what comes out does not depend on where it was cut. A call is held
// back until it is complete. White space before and after a call goes. What looks like a call and
// is none (no "function", no name, no end) stays text.
class ToolCallSplitter {
 public:
  struct Piece {
    std::string text;              // or
    std::optional<ToolCall> call;  // a call

    bool operator==(const Piece&) const = default;
  };

  std::vector<Piece> push(std::string_view text);
  std::vector<Piece> finish();

 private:
  void consume(bool at_end, std::vector<Piece>& pieces);
  bool take_plain_text(bool at_end, std::vector<Piece>& pieces);
  bool take_call(bool at_end, std::vector<Piece>& pieces);
  void add_text(std::string_view text, std::vector<Piece>& pieces);

  std::string pending_;      // not decided
  size_t searched_ = 0;      // of it, for the end of a call
  std::string held_spaces_;  // go if a call follows
  bool after_call_ = false;  // white space goes
};

}  // namespace stapes
