// Patterns of words, for the rules that look for ways of speaking.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reward/words.h"

namespace stapes::reward {

// One pattern in a line: words apart by spaces; "a|b" any of these; "*" up to two words of any
// kind; "word?" may be missing; a word that ends in "~" matches every word that begins so.
// "can't|cannot * hear|listen audio?" matches "cannot really hear".
class PhrasePattern {
 public:
  explicit PhrasePattern(std::string_view pattern);

  struct Match {
    size_t first = 0, last = 0;  // words
  };
  // The first match at or after `from`.
  std::optional<Match> find(std::span<const Word> words, size_t from = 0) const;

 private:
  struct Element {
    std::vector<std::string> words;  // alternatives; empty: "*"
    bool optional = false;
  };
  std::optional<size_t> match_at(std::span<const Word> words, size_t at, size_t element) const;
  static bool fits(const Element& element, const std::string& word);

  std::vector<Element> elements_;
};

}  // namespace stapes::reward
