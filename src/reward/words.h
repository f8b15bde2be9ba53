// Text as words and sentences with their places, so that a rule can say where it looked.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stapes::reward {

struct Word {
  std::string text;  // ASCII letters in lower case, a typographic apostrophe as '
  size_t begin = 0;  // bytes in the text
  size_t end = 0;
};

// Words are runs of letters, digits and apostrophes inside of them; "c#4" and "3.5" are words, and
// a minus directly before a number that follows no word belongs to it ("-12"). A hyphen separates
// ("twenty-three" are two). Chinese, Japanese and Korean characters are a word each. Everything
// else separates. Any bytes are text: what is not UTF-8 separates, too.
std::vector<Word> words_of(std::string_view text);

// A part of a text that ends at . ! ? ; or a line break (a full stop inside of a number does not
// end it), with its words. Parts without words are left out.
struct Sentence {
  size_t begin = 0, end = 0;  // end: behind the sign that ends it
  char ended_by = 0;          // 0 at the end of the text
  std::vector<Word> words;
};
std::vector<Sentence> sentences_of(std::string_view text);

// The value of a word: "3", "-2.5", "1,000" has been cut at its comma by words_of and is none,
// "seven", "twenty", "no" is none. Nothing for other words.
std::optional<double> number_of(const Word& word);

// A number in words or digits that begins at words[index]: "twenty three", "one hundred and five",
// "half a" (0.5), "quarter of a", "one and a half", "3". `count`: words that it takes.
struct NumberAt {
  double value = 0;
  size_t count = 0;
};
std::optional<NumberAt> number_at(std::span<const Word> words, size_t index);

// 1 for "first" or "1st", to 20. 0 for others.
int ordinal_of(const Word& word);

// Which bytes of a text lie between quotation marks, straight or curly. A quotation does not go on
// over a line break.
class Quotations {
 public:
  explicit Quotations(std::string_view text);
  bool cover(size_t byte) const { return byte < quoted_.size() && quoted_[byte]; }

 private:
  std::vector<bool> quoted_;
};

// The words joined with single spaces.
std::string joined(std::span<const Word> words);

bool is_any_of(const std::string& word, std::span<const std::string_view> list);

}  // namespace stapes::reward
