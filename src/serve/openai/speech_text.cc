#include "serve/openai/speech_text.h"

#include <algorithm>
#include <utility>

#include "text/special_tokens.h"

namespace stapes::serve {
namespace {

constexpr std::string_view kCodeBegin = "<audio_";
constexpr std::string_view kCodePad = "<audio_6561>";
constexpr size_t kLongestToken = 16;

bool is_code(std::string_view token) {
  if (!token.starts_with(kCodeBegin) || token.size() < kCodeBegin.size() + 2) return false;
  return std::ranges::all_of(token.substr(kCodeBegin.size(), token.size() - kCodeBegin.size() - 1),
                             [](char c) { return c >= '0' && c <= '9'; });
}

bool is_dropped(std::string_view token) {
  return token == kSpeechStart || token == kSpeechEnd || token == kSpeechPad || token == kCodePad;
}

}  // namespace

SpeechText SpeechSplitter::push(std::string_view text) {
  pending_ += text;
  return consume(false);
}

SpeechText SpeechSplitter::finish() {
  return consume(true);
}

SpeechText SpeechSplitter::consume(bool at_end) {
  SpeechText out;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    if (rest.front() != '<') {
      const size_t size = std::min(rest.find('<'), rest.size());
      out.words += rest.substr(0, size);
      rest.remove_prefix(size);
      continue;
    }
    const size_t end = rest.find_first_of("<>", 1);
    if (end == std::string_view::npos && rest.size() < kLongestToken && !at_end) break;
    const bool closed = end != std::string_view::npos && rest[end] == '>';
    const std::string_view token = rest.substr(0, closed ? end + 1 : 1);
    if (closed && is_dropped(token)) {
      // said nothing
    } else {
      (closed && is_code(token) ? out.audio : out.words) += token;
    }
    rest.remove_prefix(token.size());
  }
  pending_.erase(0, pending_.size() - rest.size());
  return out;
}

}  // namespace stapes::serve
