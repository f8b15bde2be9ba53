#include "reward/words.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "text/utf8.h"

namespace stapes::reward {
namespace {

constexpr char32_t kTypographicApostrophe = 0x2019;
constexpr char32_t kMinusSign = 0x2212;

bool is_ascii_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_ascii_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
// Scripts that write without spaces.
bool stands_alone(char32_t c) {
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) ||
         (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}
// Letters beyond ASCII: all but punctuation, symbols and spaces, roughly by block.
bool is_other_letter(char32_t c) {
  return (c >= 0xc0 && c < 0x2000 && c != 0xd7 && c != 0xf7) || (c >= 0x2c00 && c < 0x2e00) ||
         (c >= 0xa000 && c < 0xd800);
}

struct Character {
  char32_t code = 0;
  size_t begin = 0, end = 0;
};

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size());
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Step step = utf8_step(text, offset);
    char32_t code = step.valid ? step.code_point : 0;
    if (code == kTypographicApostrophe) code = '\'';
    if (code == kMinusSign) code = '-';
    characters.push_back({code, offset, offset + step.length_bytes});
    offset += step.length_bytes;
  }
  return characters;
}

class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text), characters_(characters_of(text)) {}

  std::vector<Word> read() {
    while (at_ < characters_.size()) {
      const char32_t c = code(at_);
      if (stands_alone(c)) {
        take(at_ + 1);
      } else if (is_word(c) || begins_negative_number()) {
        take(end_of_word());
      } else {
        ++at_;
      }
    }
    return std::move(words_);
  }

 private:
  char32_t code(size_t index) const {
    return index < characters_.size() ? characters_[index].code : 0;
  }
  static bool is_word(char32_t c) {
    return is_ascii_letter(c) || is_ascii_digit(c) || (is_other_letter(c) && !stands_alone(c));
  }
  bool begins_negative_number() const {
    return code(at_) == '-' && is_ascii_digit(code(at_ + 1)) &&
           (at_ == 0 || !(is_word(code(at_ - 1)) || code(at_ - 1) == ')'));
  }
  size_t end_of_word() const {
    size_t end = at_ + 1;
    for (; end < characters_.size(); ++end) {
      const char32_t c = code(end), before = code(end - 1), after = code(end + 1);
      if (is_word(c)) continue;
      if (c == '\'' && is_word(before) && is_word(after)) continue;
      if (c == '.' && is_ascii_digit(before) && is_ascii_digit(after)) continue;
      // A sharp: only after one letter.
      if (c == '#' && end == at_ + 1 && is_ascii_letter(before) && is_ascii_digit(after)) continue;
      break;
    }
    return end;
  }
  void take(size_t end) {
    Word word{{}, characters_[at_].begin, characters_[end - 1].end};
    for (size_t i = at_; i < end; ++i) {
      const char32_t c = code(i);
      if (c >= 'A' && c <= 'Z')
        word.text += static_cast<char>(c - 'A' + 'a');
      else if (c < 0x80)
        word.text += static_cast<char>(c);
      else
        word.text += text_.substr(characters_[i].begin, characters_[i].end - characters_[i].begin);
    }
    words_.push_back(std::move(word));
    at_ = end;
  }

  std::string_view text_;
  std::vector<Character> characters_;
  size_t at_ = 0;
  std::vector<Word> words_;
};

constexpr std::array<std::string_view, 21> kSmallNumbers = {
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
constexpr std::array<std::string_view, 8> kTens = {"twenty", "thirty",  "forty",  "fifty",
                                                   "sixty",  "seventy", "eighty", "ninety"};
constexpr std::array<std::string_view, 20> kOrdinals = {
    "first",     "second",    "third",       "fourth",     "fifth",      "sixth",      "seventh",
    "eighth",    "ninth",     "tenth",       "eleventh",   "twelfth",    "thirteenth", "fourteenth",
    "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"};

std::optional<double> digits_of(const std::string& text) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  const size_t first = text[0] == '-' ? 1 : 0;
  if (first == text.size()) return std::nullopt;
  for (size_t i = first; i < text.size(); ++i)
    if (!is_ascii_digit(static_cast<unsigned char>(text[i])) && text[i] != '.') return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

std::optional<double> tens_of(const std::string& text) {
  const auto found = std::ranges::find(kTens, text);
  if (found == kTens.end()) return std::nullopt;
  return 20.0 + 10.0 * static_cast<double>(found - kTens.begin());
}

std::optional<double> small_number_of(const std::string& text) {
  const auto found = std::ranges::find(kSmallNumbers, text);
  if (found == kSmallNumbers.end()) return std::nullopt;
  return static_cast<double>(found - kSmallNumbers.begin());
}

const std::string& word_at(std::span<const Word> words, size_t index) {
  static const std::string kNone;
  return index < words.size() ? words[index].text : kNone;
}

// "twenty three", "forty", "seven".
std::optional<NumberAt> below_hundred(std::span<const Word> words, size_t index) {
  if (const auto tens = tens_of(word_at(words, index))) {
    const auto ones = small_number_of(word_at(words, index + 1));
    if (ones && *ones >= 1 && *ones <= 9) return NumberAt{*tens + *ones, 2};
    return NumberAt{*tens, 1};
  }
  if (const auto small = small_number_of(word_at(words, index))) return NumberAt{*small, 1};
  return std::nullopt;
}

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  return WordReader(text).read();
}

std::vector<Sentence> sentences_of(std::string_view text) {
  const std::vector<Word> words = words_of(text);
  std::vector<Sentence> sentences;
  size_t begin = 0, next_word = 0;
  const auto end_at = [&](size_t end, char sign) {
    Sentence sentence{begin, end, sign, {}};
    while (next_word < words.size() && words[next_word].begin < end)
      sentence.words.push_back(words[next_word++]);
    if (!sentence.words.empty()) sentences.push_back(std::move(sentence));
    begin = end;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool in_number = c == '.' && i > 0 && i + 1 < text.size() &&
                           is_ascii_digit(static_cast<unsigned char>(text[i - 1])) &&
                           is_ascii_digit(static_cast<unsigned char>(text[i + 1]));
    if ((c == '.' && !in_number) || c == '!' || c == '?' || c == ';' || c == '\n') end_at(i + 1, c);
    // The full stop, question mark and exclamation mark of Chinese.
    for (const std::string_view sign : {"。", "？", "！", "；"})
      if (text.substr(i, sign.size()) == sign) end_at(i + sign.size(), sign == "？" ? '?' : '.');
  }
  end_at(text.size(), 0);
  return sentences;
}

std::optional<double> number_of(const Word& word) {
  if (const auto number = digits_of(word.text)) return number;
  if (const auto number = small_number_of(word.text)) return number;
  return tens_of(word.text);
}

std::optional<NumberAt> number_at(std::span<const Word> words, size_t index) {
  if (index >= words.size()) return std::nullopt;
  if (word_at(words, index) == "half") {
    const std::string& next = word_at(words, index + 1);
    return NumberAt{0.5, next == "a" || next == "an" ? size_t{2} : size_t{1}};
  }
  // "a quarter of a second", "a quarter second"
  if (word_at(words, index) == "quarter")
    return NumberAt{0.25, word_at(words, index + 1) == "of" && word_at(words, index + 2) == "a"
                              ? size_t{3}
                              : size_t{1}};
  NumberAt number;
  if (const auto digits = digits_of(words[index].text)) {
    number = {*digits, 1};
  } else if (const auto small = below_hundred(words, index)) {
    number = *small;
    if (word_at(words, index + number.count) == "hundred") {
      number = {number.value * 100, number.count + 1};
      const size_t link = word_at(words, index + number.count) == "and" ? 1 : 0;
      if (const auto rest = below_hundred(words, index + number.count + link))
        number = {number.value + rest->value, number.count + link + rest->count};
    }
  } else {
    return std::nullopt;
  }
  // "one and a half"
  if (word_at(words, index + number.count) == "and" &&
      word_at(words, index + number.count + 1) == "a" &&
      word_at(words, index + number.count + 2) == "half")
    number = {number.value + 0.5, number.count + 3};
  return number;
}

int ordinal_of(const Word& word) {
  const auto found = std::ranges::find(kOrdinals, word.text);
  if (found != kOrdinals.end()) return static_cast<int>(found - kOrdinals.begin()) + 1;
  const std::string& text = word.text;
  if (text.size() < 3 || text.size() > 4) return 0;
  const std::string ending = text.substr(text.size() - 2);
  if (ending != "st" && ending != "nd" && ending != "rd" && ending != "th") return 0;
  const auto number = digits_of(text.substr(0, text.size() - 2));
  return number && *number >= 1 && *number <= 20 ? static_cast<int>(*number) : 0;
}

Quotations::Quotations(std::string_view text) : quoted_(text.size()) {
  bool straight = false;
  int curly = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') straight = !straight;
    if (text.substr(i, 3) == "\xE2\x80\x9C") ++curly;
    if (text.substr(i, 3) == "\xE2\x80\x9D") --curly;
    if (text[i] == '\n') {
      straight = false;
      curly = 0;
    }
    quoted_[i] = straight || curly > 0;
  }
}

std::string joined(std::span<const Word> words) {
  std::string text;
  for (const Word& word : words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

bool is_any_of(const std::string& word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

}  // namespace stapes::reward
