#include "reward/reply.h"

#include <array>
#include <nlohmann/json.hpp>

namespace stapes::reward {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// Takes the pair off if it stands around all of the text and nowhere inside.
bool unwrap(std::string_view& text, std::string_view open, std::string_view close) {
  if (text.size() < open.size() + close.size() || !text.starts_with(open) || !text.ends_with(close))
    return false;
  const std::string_view inner = text.substr(open.size(), text.size() - open.size() - close.size());
  if (inner.find(open) != std::string_view::npos || inner.find(close) != std::string_view::npos)
    return false;
  text = trimmed(inner);
  return true;
}

bool unwrap_box(std::string_view& text) {
  constexpr std::string_view kBox = "\\boxed{";
  if (!text.starts_with(kBox) || !text.ends_with('}')) return false;
  int depth = 0;
  for (size_t i = kBox.size() - 1; i < text.size(); ++i) {
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (depth == 0 && i + 1 < text.size()) return false;
  }
  text = trimmed(text.substr(kBox.size(), text.size() - kBox.size() - 1));
  return true;
}

// An object with at least one member anywhere in the text: what begins with {" or { " and parses.
bool holds_json_object(std::string_view text) {
  constexpr int kMostTries = 16;
  int tries = 0;
  for (size_t at = text.find('{'); at != std::string_view::npos && tries < kMostTries;
       at = text.find('{', at + 1)) {
    const size_t next = text.find_first_not_of(kSpaces, at + 1);
    if (next == std::string_view::npos || text[next] != '"') continue;
    ++tries;
    // A record that was cut off counts, too.
    const size_t name_end = text.find('"', next + 1);
    if (name_end == std::string_view::npos) continue;
    const size_t colon = text.find_first_not_of(kSpaces, name_end + 1);
    if (colon != std::string_view::npos && text[colon] == ':') return true;
  }
  return false;
}

}  // namespace

Reply split_reply(std::string_view completion, bool thinking_open) {
  return split_thinking(completion, thinking_open);
}

std::string bare_answer(std::string_view answer) {
  std::string_view text = trimmed(answer);
  while (unwrap(text, "<answer>", "</answer>") || unwrap(text, "**", "**") ||
         unwrap(text, "`", "`") || unwrap(text, "$", "$") || unwrap_box(text)) {
  }
  return std::string(text);
}

std::string malformed_part(std::string_view answer) {
  static constexpr std::array<std::string_view, 12> kMarkers = {
      "<think>",       "</think>",    "<|THINK_START|>", "<|THINK_END|>",
      "<|BOT|>",       "<|EOT|>",     "<|CALL_START|>",  "<audio_start>",
      "<audio_patch>", "<audio_end>", "<tts_start>",     "<|im_end|>"};
  for (const std::string_view marker : kMarkers)
    if (answer.find(marker) != std::string_view::npos)
      return "the marker " + std::string(marker) + " in the answer";
  if (holds_json_object(answer)) return "a JSON object in the answer";
  return {};
}

}  // namespace stapes::reward
