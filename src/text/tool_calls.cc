#include "text/tool_calls.h"

#include <algorithm>

#include "text/special_tokens.h"

namespace stapes {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// The first line of `text`, which loses it.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(line);
}

// What stands between the markers.
std::optional<ToolCall> parse_call(std::string_view text) {
  text = trimmed(text);
  if (take_line(text) != "function") return std::nullopt;
  const std::string_view name = take_line(text);
  if (name.empty()) return std::nullopt;
  const std::string_view arguments = trimmed(text);
  return ToolCall{std::string(name), std::string(arguments.empty() ? "{}" : arguments)};
}

// The longest end of `text` with which the start marker could begin.
size_t held_back_size(std::string_view text) {
  for (size_t size = std::min(kToolCallStart.size() - 1, text.size()); size > 0; --size) {
    if (text.ends_with(kToolCallStart.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

void append_tool_call(const ToolCall& call, std::vector<ContentPart>& parts) {
  parts.push_back(ContentPart::of_control(std::string(kToolCallStart)));
  parts.push_back(ContentPart::of_text("function\n" + call.name + "\n" + call.arguments));
  parts.push_back(ContentPart::of_control(std::string(kToolCallEnd)));
}

std::vector<ToolCallSplitter::Piece> ToolCallSplitter::push(std::string_view text) {
  std::vector<Piece> pieces;
  pending_ += text;
  consume(false, pieces);
  return pieces;
}

std::vector<ToolCallSplitter::Piece> ToolCallSplitter::finish() {
  std::vector<Piece> pieces;
  consume(true, pieces);
  if (!held_spaces_.empty()) pieces.push_back({std::move(held_spaces_), {}});
  held_spaces_.clear();
  return pieces;
}

void ToolCallSplitter::consume(bool at_end, std::vector<Piece>& pieces) {
  while (!pending_.empty()) {
    if (!take_plain_text(at_end, pieces) || !take_call(at_end, pieces)) return;
  }
}

// Up to the next start marker. False: there is none yet.
bool ToolCallSplitter::take_plain_text(bool at_end, std::vector<Piece>& pieces) {
  const size_t begin = pending_.find(kToolCallStart);
  const bool found = begin != std::string::npos;
  const size_t size = found ? begin : pending_.size() - (at_end ? 0 : held_back_size(pending_));
  add_text(std::string_view(pending_).substr(0, size), pieces);
  pending_.erase(0, size);
  return found;
}

// False: the end of the call is not there yet.
bool ToolCallSplitter::take_call(bool at_end, std::vector<Piece>& pieces) {
  const size_t end = pending_.find(kToolCallEnd, std::max(searched_, kToolCallStart.size()));
  const bool found = end != std::string::npos;
  if (!found && !at_end) {
    searched_ = pending_.size() - std::min(pending_.size(), kToolCallEnd.size());
    return false;
  }
  searched_ = 0;
  const size_t size = found ? end + kToolCallEnd.size() : pending_.size();
  const std::string_view written = std::string_view(pending_).substr(0, size);
  std::optional<ToolCall> call;
  if (found) call = parse_call(written.substr(kToolCallStart.size(), end - kToolCallStart.size()));
  if (call) {
    held_spaces_.clear();
    after_call_ = true;
    pieces.push_back({{}, std::move(call)});
  } else {
    add_text(written, pieces);
  }
  pending_.erase(0, size);
  return true;
}

void ToolCallSplitter::add_text(std::string_view text, std::vector<Piece>& pieces) {
  if (after_call_) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  if (text.empty()) return;
  after_call_ = false;
  const size_t last = text.find_last_not_of(kSpaces);
  const size_t shown = last == std::string_view::npos ? 0 : last + 1;
  if (shown > 0) {
    const std::string whole = held_spaces_ + std::string(text.substr(0, shown));
    held_spaces_.clear();
    const bool continues = !pieces.empty() && !pieces.back().call;
    if (continues) {
      pieces.back().text += whole;
    } else {
      pieces.push_back({whole, {}});
    }
  }
  held_spaces_ += text.substr(shown);
}

}  // namespace stapes
