#include "text/think_splitter.h"

#include <algorithm>
#include <array>
#include <span>

namespace stapes {
namespace {

constexpr std::array<std::string_view, 2> kThinkStart = {"<think>", "<|THINK_START|>"};
constexpr std::array<std::string_view, 2> kThinkEnd = {"</think>", "<|THINK_END|>"};
constexpr std::string_view kResponseStart = "<RESPONSE>";
constexpr std::string_view kResponseEnd = "</RESPONSE>";

struct LastMarker {
  size_t begin = std::string_view::npos;
  size_t end = 0;

  bool found() const { return begin != std::string_view::npos; }
};

LastMarker find_last(std::string_view text, std::span<const std::string_view> markers) {
  LastMarker last;
  for (const std::string_view marker : markers) {
    const size_t begin = text.rfind(marker);
    if (begin == std::string_view::npos) continue;
    if (!last.found() || begin > last.begin) last = {begin, begin + marker.size()};
  }
  return last;
}

}  // namespace

ThinkSplitter::ThinkSplitter(bool thinking_open)
    : state_(thinking_open ? State::kThinkingStart : State::kStart) {}

bool ThinkSplitter::thinking_open_after(std::string_view prompt_text) {
  const LastMarker start = find_last(prompt_text, kThinkStart);
  const LastMarker end = find_last(prompt_text, kThinkEnd);
  return start.found() && (!end.found() || start.begin > end.begin);
}

std::vector<SectionDelta> ThinkSplitter::push(std::string_view text) {
  std::vector<SectionDelta> deltas;
  pending_ += text;
  consume(false, deltas);
  return deltas;
}

std::vector<SectionDelta> ThinkSplitter::finish() {
  std::vector<SectionDelta> deltas;
  consume(true, deltas);
  held_newlines_ = 0;
  return deltas;
}

void ThinkSplitter::consume(bool at_end, std::vector<SectionDelta>& deltas) {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    if (rest.front() == '\n') {
      take_newline(deltas);
      rest.remove_prefix(1);
      continue;
    }
    if (rest.front() == '<') {
      if (const size_t length = take_marker(rest); length > 0) {
        held_newlines_ = 0;
        rest.remove_prefix(length);
        continue;
      }
      if (!at_end && may_become_marker(rest)) break;
    }
    const size_t length = std::min(rest.find_first_of("<\n", 1), rest.size());
    take_text(rest.substr(0, length), deltas);
    rest.remove_prefix(length);
  }
  pending_.erase(0, pending_.size() - rest.size());
}

std::span<const ThinkSplitter::Transition> ThinkSplitter::transitions(State state) {
  using enum State;
  static constexpr Transition kAtStart[] = {{kThinkStart[0], kThinkingStart},
                                            {kThinkStart[1], kThinkingStart},
                                            {kResponseStart, kWrappedStart}};
  static constexpr Transition kAtThinkingStart[] = {{kThinkStart[0], kThinkingStart},
                                                    {kThinkStart[1], kThinkingStart},
                                                    {kThinkEnd[0], kAnswerStart},
                                                    {kThinkEnd[1], kAnswerStart}};
  static constexpr Transition kInThinking[] = {{kThinkEnd[0], kAnswerStart},
                                               {kThinkEnd[1], kAnswerStart}};
  static constexpr Transition kAtAnswerStart[] = {{kResponseStart, kWrappedStart}};
  static constexpr Transition kInWrapped[] = {{kResponseEnd, kAfterWrapped}};
  switch (state) {
    case kStart:
      return kAtStart;
    case kThinkingStart:
      return kAtThinkingStart;
    case kThinking:
      return kInThinking;
    case kAnswerStart:
      return kAtAnswerStart;
    case kWrappedStart:
    case kWrapped:
      return kInWrapped;
    case kAfterWrapped:
    case kAnswer:
      return {};
  }
  return {};
}

size_t ThinkSplitter::take_marker(std::string_view text) {
  for (const auto& [marker, next] : transitions(state_)) {
    if (!text.starts_with(marker)) continue;
    closed_ = closed_ || next == State::kAnswerStart;
    state_ = next;
    return marker.size();
  }
  return 0;
}

bool ThinkSplitter::may_become_marker(std::string_view text) const {
  return std::ranges::any_of(transitions(state_), [&](const Transition& transition) {
    return transition.marker.starts_with(text);
  });
}

void ThinkSplitter::take_newline(std::vector<SectionDelta>& deltas) {
  switch (state_) {
    case State::kThinking:
    case State::kWrapped:
    case State::kAfterWrapped:
      ++held_newlines_;
      break;
    case State::kAnswer:
      append("\n", deltas);
      break;
    case State::kStart:
    case State::kThinkingStart:
    case State::kAnswerStart:
    case State::kWrappedStart:
      break;
  }
}

void ThinkSplitter::take_text(std::string_view text, std::vector<SectionDelta>& deltas) {
  if (state_ == State::kStart || state_ == State::kAnswerStart) state_ = State::kAnswer;
  if (state_ == State::kThinkingStart) state_ = State::kThinking;
  if (state_ == State::kWrappedStart) state_ = State::kWrapped;
  if (held_newlines_ > 0) append(std::string(held_newlines_, '\n'), deltas);
  held_newlines_ = 0;
  append(text, deltas);
}

void ThinkSplitter::append(std::string_view text, std::vector<SectionDelta>& deltas) const {
  const Section section = answering() ? Section::kAnswer : Section::kThinking;
  if (deltas.empty() || deltas.back().section != section) deltas.push_back({section, {}});
  deltas.back().text += text;
}

ThinkingAndAnswer split_thinking(std::string_view text, bool thinking_open) {
  ThinkSplitter splitter(thinking_open);
  ThinkingAndAnswer result;
  const auto add = [&](const std::vector<SectionDelta>& deltas) {
    for (const SectionDelta& delta : deltas) {
      (delta.section == Section::kThinking ? result.thinking : result.answer) += delta.text;
    }
  };
  add(splitter.push(text));
  add(splitter.finish());
  result.closed = splitter.closed();
  return result;
}

std::string_view without_thinking(std::string_view text) {
  const LastMarker end = find_last(text, kThinkEnd);
  if (!end.found()) return text;
  text.remove_prefix(end.end);
  text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  return text;
}

}  // namespace stapes
