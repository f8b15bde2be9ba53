#include "engine/text_stream.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "text/special_tokens.h"

namespace stapes {
namespace {

std::vector<Delta> to_deltas(std::vector<SectionDelta> sections) {
  std::vector<Delta> deltas;
  deltas.reserve(sections.size());
  for (SectionDelta& section : sections) {
    if (section.text.empty()) continue;
    deltas.push_back({section.section == Section::kThinking, std::move(section.text)});
  }
  return deltas;
}

void append(std::vector<Delta>& deltas, std::vector<Delta> more) {
  std::ranges::move(more, std::back_inserter(deltas));
}

}  // namespace

std::string rest_of_thought_end(std::string_view text) {
  const std::string_view end = kThoughtEnd;
  // With the marker's own newline before it, or straight after a letter.
  for (const std::string_view form : {end, end.substr(1)}) {
    for (size_t size = form.size() - 1; size > 0; --size) {
      if (text.ends_with(form.substr(0, size))) return std::string(form.substr(size));
    }
  }
  return std::string(end);
}

TextStream::TextStream(const Tokenizer& tokenizer, TextOptions options)
    : tokenizer_(&tokenizer),
      split_thinking_(options.split_thinking),
      show_special_tokens_(options.show_special_tokens),
      stops_(std::move(options.stops)),
      splitter_(options.thinking_open),
      undelayed_(options.thinking_open),
      in_thought_(options.thinking_open && options.split_thinking) {
  for (const std::string_view marker :
       {std::string_view("<|THINK_START|>"), std::string_view("<|THINK_END|>"), kToolCallStart,
        kToolCallEnd}) {
    if (const auto id = tokenizer.find(marker)) markers_.push_back(*id);
  }
}

std::string TextStream::characters_of(TokenId id) {
  const bool hidden = !show_special_tokens_ && std::ranges::count(markers_, id) == 0;
  if (hidden && tokenizer_->is_special(id)) return {};
  return utf8_.push(tokenizer_->token_bytes(id));
}

void TextStream::track(const std::string& text) {
  if (!split_thinking_) return;
  for (const SectionDelta& delta : undelayed_.push(text))
    in_thought_ = in_thought_ || delta.section == Section::kThinking;
  if (undelayed_.answering()) in_thought_ = false;
  tail_ += text;
  const size_t longest = std::string_view(kThoughtEnd).size();
  if (tail_.size() > longest) tail_.erase(0, tail_.size() - longest);
}

std::vector<Delta> TextStream::split(const std::string& text) {
  if (split_thinking_) return to_deltas(splitter_.push(text));
  if (text.empty()) return {};
  return {{.thinking = false, .text = text}};
}

std::vector<Delta> TextStream::push(TokenId id) {
  const std::string text = characters_of(id);
  track(text);
  return split(stops_.push(text));
}

std::vector<Delta> TextStream::push_forced(TokenId id) {
  std::string text = utf8_.finish();  // half a character before the forced text stays half
  text += characters_of(id);
  track(text);
  return split(stops_.finish() + text);
}

std::vector<Delta> TextStream::finish() {
  const std::string rest = utf8_.finish();
  std::vector<Delta> deltas = split(stops_.push(rest));
  append(deltas, split(stops_.finish()));
  append(deltas, to_deltas(splitter_.finish()));
  return deltas;
}

}  // namespace stapes
