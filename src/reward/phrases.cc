#include "reward/phrases.h"

#include <algorithm>

namespace stapes::reward {
namespace {

constexpr size_t kMostSkipped = 2;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

}  // namespace

PhrasePattern::PhrasePattern(std::string_view pattern) {
  for (std::string part : split(pattern, ' ')) {
    Element element;
    if (part.ends_with('?')) {
      element.optional = true;
      part.pop_back();
    }
    if (part != "*") element.words = split(part, '|');
    elements_.push_back(std::move(element));
  }
}

bool PhrasePattern::fits(const Element& element, const std::string& word) {
  return std::ranges::any_of(element.words, [&](const std::string& wanted) {
    if (wanted.ends_with('~')) return word.starts_with(wanted.substr(0, wanted.size() - 1));
    return wanted == word;
  });
}

// One past the last word of the match.
std::optional<size_t> PhrasePattern::match_at(std::span<const Word> words, size_t at,
                                              size_t element) const {
  if (element == elements_.size()) return at;
  const Element& wanted = elements_[element];
  if (wanted.words.empty()) {
    for (size_t skipped = 0; skipped <= kMostSkipped && at + skipped <= words.size(); ++skipped)
      if (const auto end = match_at(words, at + skipped, element + 1)) return end;
    return std::nullopt;
  }
  if (at < words.size() && fits(wanted, words[at].text))
    if (const auto end = match_at(words, at + 1, element + 1)) return end;
  return wanted.optional ? match_at(words, at, element + 1) : std::nullopt;
}

std::optional<PhrasePattern::Match> PhrasePattern::find(std::span<const Word> words,
                                                        size_t from) const {
  for (size_t first = from; first < words.size(); ++first)
    if (const auto end = match_at(words, first, 0); end && *end > first)
      return Match{first, *end - 1};
  return std::nullopt;
}

}  // namespace stapes::reward
