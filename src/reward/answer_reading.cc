#include "reward/answer_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "reward/normal_text.h"
#include "reward/reply.h"
#include "reward/words.h"

namespace stapes::reward {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lowered;
}

struct FoundNumber {
  double value = 0;
  size_t begin = 0, end = 0;
};

// Reads numbers written with digits.
class NumberScanner {
 public:
  explicit NumberScanner(std::string_view text) : text_(text) {}

  std::vector<FoundNumber> scan() {
    std::vector<FoundNumber> found;
    for (size_t at = 0; at < text_.size();) {
      const bool starts = is_digit(at_(at)) || (at_(at) == '.' && is_digit(at_(at + 1)));
      if (!starts) {
        ++at;
        continue;
      }
      // Of a name: "H2O", "x_1", "m^2", "gpt-4" stays a number behind its hyphen.
      const char before = at > 0 ? text_[at - 1] : ' ';
      const bool named = is_letter(before) || before == '_' || before == '^';
      const auto number = read(at);
      if (!named) found.push_back(number);
      at = number.end;
      // "2nd" is an ordinal, "5kg" a number with its unit.
      if (!named && is_ordinal_ending(at)) found.pop_back();
    }
    return found;
  }

 private:
  char at_(size_t index) const { return index < text_.size() ? text_[index] : '\0'; }

  bool is_ordinal_ending(size_t at) const {
    const std::string ending = lower(text_.substr(at, 2));
    return (ending == "st" || ending == "nd" || ending == "rd" || ending == "th") &&
           !is_letter(at_(at + 2));
  }

  FoundNumber read(size_t begin) const {
    std::string digits;
    size_t at = read_digits(begin, digits);
    FoundNumber number{std::strtod(digits.c_str(), nullptr), begin, at};
    // "3/4", "3 / 4": but not a date or a path ("3/4/5").
    size_t slash = at;
    while (at_(slash) == ' ') ++slash;
    if (at_(slash) == '/') {
      size_t bottom = slash + 1;
      while (at_(bottom) == ' ') ++bottom;
      if (is_digit(at_(bottom))) {
        std::string divisor_digits;
        const size_t end = read_digits(bottom, divisor_digits);
        const double divisor = std::strtod(divisor_digits.c_str(), nullptr);
        if (divisor != 0 && at_(end) != '/') {
          number.value /= divisor;
          number.end = end;
        }
      }
    }
    apply_sign(number);
    return number;
  }

  size_t read_digits(size_t at, std::string& digits) const {
    while (at < text_.size()) {
      const char c = text_[at];
      const bool comma = c == ',' && !digits.empty() && is_digit(at_(at + 1)) &&
                         is_digit(at_(at + 2)) && is_digit(at_(at + 3)) && !is_digit(at_(at + 4));
      const bool point = c == '.' && is_digit(at_(at + 1)) && digits.find('.') == std::string::npos;
      const bool exponent = (c == 'e' || c == 'E') && !digits.empty() &&
                            (is_digit(at_(at + 1)) ||
                             ((at_(at + 1) == '-' || at_(at + 1) == '+') && is_digit(at_(at + 2))));
      if (exponent) {
        digits += 'e';
        ++at;
        if (!is_digit(at_(at))) digits += text_[at++];
        while (is_digit(at_(at))) digits += text_[at++];
        break;
      }
      if (!is_digit(c) && !comma && !point) break;
      if (!comma) digits += c;
      ++at;
    }
    return at;
  }

  // A minus that no value stands before is a sign: "-3", "= -3", but not "5-3", "(x)-3".
  void apply_sign(FoundNumber& number) const {
    constexpr std::string_view kMinus = "\xE2\x88\x92";
    size_t sign = number.begin;
    const std::string_view before = text_.substr(0, sign);
    if (before.ends_with('-'))
      sign -= 1;
    else if (before.ends_with(kMinus))
      sign -= kMinus.size();
    else
      return;
    const char left = sign > 0 ? text_[sign - 1] : ' ';
    if (is_digit(left) || is_letter(left) || left == ')') return;
    number.value = -number.value;
    number.begin = sign;
  }

  std::string_view text_;
};

// Digits where there are any, else words.
std::vector<FoundNumber> numbers_of(std::string_view text) {
  std::vector<FoundNumber> found = NumberScanner(text).scan();
  if (!found.empty()) return found;
  const std::vector<Word> words = words_of(text);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto number = number_at(words, i);
    if (!number) continue;
    const bool negative =
        i > 0 && (words[i - 1].text == "minus" || words[i - 1].text == "negative");
    const size_t last = i + number->count - 1;
    found.push_back({negative ? -number->value : number->value, words[i].begin, words[last].end});
    i = last;
  }
  return found;
}

constexpr std::array<std::string_view, 8> kMarks = {"answer is", "answer:",   "answers:", "####",
                                                    "\\boxed{",  "result is", "answer =", "option"};

// Where what follows a mark begins.
std::vector<size_t> places_behind_marks(std::string_view text, bool with_options) {
  const std::string lowered = lower(text);
  std::vector<size_t> places;
  for (const std::string_view mark : kMarks) {
    if (mark == "option" && !with_options) continue;
    for (size_t at = lowered.find(mark); at != std::string::npos; at = lowered.find(mark, at + 1)) {
      const size_t end = at + mark.size();
      if (mark == "option" && (end >= lowered.size() || lowered[end] == 's')) continue;
      places.push_back(end);
    }
  }
  std::ranges::sort(places);
  return places;
}

// Up to the end of the line or of the sentence.
std::string_view clause_from(std::string_view text, size_t begin) {
  size_t end = begin;
  while (end < text.size() && text[end] != '\n') {
    if (text[end] == '.' && (end + 1 >= text.size() || is_space(text[end + 1]))) break;
    ++end;
  }
  return text.substr(begin, end - begin);
}

// Values behind "x =", and behind the last "=" where a calculation ends the answer.
std::vector<double> values_of_equations(std::string_view text) {
  std::vector<double> values;
  const size_t last = text.rfind('=');
  for (size_t at = text.find('='); at != std::string_view::npos; at = text.find('=', at + 1)) {
    size_t left = at;
    while (left > 0 && is_space(text[left - 1])) --left;
    const bool of_a_name = left > 0 && is_letter(text[left - 1]) &&
                           text.substr(0, left).find_last_of("+-*/^") == std::string_view::npos;
    const std::string_view right = clause_from(text, at + 1);
    const std::vector<FoundNumber> numbers = numbers_of(right.substr(0, right.find('=')));
    if (numbers.empty()) continue;
    const bool ends = at == last && numbers_of(text.substr(at)).size() == 1;
    if (of_a_name || ends) values.push_back(numbers.front().value);
  }
  return values;
}

// The one value that all agree on.
std::optional<double> agreed(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  const auto same = [&](double value) {
    return std::abs(value - values.front()) <= 1e-9 * std::max(1.0, std::abs(values.front()));
  };
  return std::ranges::all_of(values, same) ? std::optional(values.front()) : std::nullopt;
}

// Letters and texts of choices in an answer.
class ChoiceReader {
 public:
  ChoiceReader(std::string_view answer, const std::vector<std::string>& choices)
      : answer_(answer), choices_(choices) {
    for (const std::string& choice : choices) texts_.push_back(joined(words_of(choice)));
  }

  // The choice that is exactly this, by text or letter.
  std::optional<size_t> whole(std::string_view text) const {
    const std::string plain = joined(words_of(text));
    for (size_t i = 0; i < texts_.size(); ++i)
      if (!texts_[i].empty() && plain == texts_[i]) return i;
    // Choices of signs only ("+", "<").
    for (size_t i = 0; i < choices_.size(); ++i)
      if (texts_[i].empty() && normalized_answer(text) == normalized_answer(choices_[i])) return i;
    return plain.size() == 1 ? letter_index(plain[0]) : std::nullopt;
  }

  // "B." "(B)" "B)" "B:" at the beginning, alone or with more behind.
  std::optional<size_t> leading_letter(std::string_view text, bool alone_too) const {
    size_t at = 0;
    while (at < text.size() && (is_space(text[at]) || text[at] == ':' || text[at] == '*')) ++at;
    const bool bracket = at < text.size() && (text[at] == '(' || text[at] == '[');
    if (bracket) ++at;
    if (at >= text.size() || !is_letter(text[at])) return std::nullopt;
    const char after = at + 1 < text.size() ? text[at + 1] : '\0';
    if (is_letter(after) || is_digit(after) || after == '\'') return std::nullopt;
    const bool delimited = after == '.' || after == ')' || after == ']' || after == ':' ||
                           after == '\0' || after == '*' || after == ',';
    const bool upper = text[at] >= 'A' && text[at] <= 'Z';
    // "A dog": an article. "answer is B because": a letter.
    if (!delimited && !(alone_too && upper && text[at] != 'I')) return std::nullopt;
    return letter_index(static_cast<char>(std::tolower(static_cast<unsigned char>(text[at]))));
  }

  // Choices whose words stand in the text; one inside of a longer one does not count.
  std::vector<size_t> named(std::string_view text) const {
    std::string plain = " " + joined(words_of(text)) + " ";
    std::vector<size_t> order(texts_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return texts_[i].size(); });
    std::vector<size_t> found;
    for (const size_t i : order) {
      const std::string wanted = " " + texts_[i] + " ";
      // A text of one letter is a word like "a".
      if (texts_[i].size() < 2 && number_less(texts_[i])) continue;
      bool here = false;
      for (size_t at = plain.find(wanted); at != std::string::npos; at = plain.find(wanted, at)) {
        here = true;
        std::fill(plain.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                  plain.begin() + static_cast<std::ptrdiff_t>(at + wanted.size()) - 1, '\x01');
      }
      if (here) found.push_back(i);
    }
    std::ranges::sort(found);
    return found;
  }

  std::vector<size_t> marked() const {
    std::vector<size_t> found;
    for (const size_t place : places_behind_marks(answer_, /*with_options=*/true)) {
      const std::string_view clause = clause_from(answer_, place);
      if (const auto letter = leading_letter(clause, /*alone_too=*/true)) {
        found.push_back(*letter);
        continue;
      }
      for (const size_t choice : named(clause)) found.push_back(choice);
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
  }

 private:
  static bool number_less(const std::string& text) { return text.empty() || !is_digit(text[0]); }
  std::optional<size_t> letter_index(char letter) const {
    const auto index = static_cast<size_t>(letter - 'a');
    return letter >= 'a' && index < choices_.size() ? std::optional(index) : std::nullopt;
  }

  std::string_view answer_;
  const std::vector<std::string>& choices_;
  std::vector<std::string> texts_;  // words only
};

}  // namespace

std::optional<double> number_in_answer(std::string_view raw, std::string& why_not) {
  const std::string answer = bare_answer(raw);
  std::vector<double> marked;
  for (const size_t place : places_behind_marks(answer, /*with_options=*/false)) {
    const auto numbers = numbers_of(clause_from(answer, place));
    if (!numbers.empty()) {
      // "The answer is 3 + 4 = 7."
      const auto values = values_of_equations(clause_from(answer, place));
      marked.push_back(values.empty() ? numbers.front().value : values.back());
    }
  }
  if (marked.empty()) marked = values_of_equations(answer);
  if (!marked.empty()) {
    const auto value = agreed(marked);
    if (!value) why_not = fmt::format("contradicting answers: {}", fmt::join(marked, ", "));
    return value;
  }
  std::vector<double> values;
  for (const FoundNumber& number : numbers_of(answer)) values.push_back(number.value);
  const auto value = agreed(values);
  if (!value)
    why_not = values.empty() ? "no number in the answer"
                             : fmt::format("several numbers: {}", fmt::join(values, ", "));
  return value;
}

std::optional<std::string> formula_in_answer(std::string_view raw, std::string& why_not) {
  const std::string answer = bare_answer(raw);
  std::vector<std::string> marked;
  for (const size_t place : places_behind_marks(answer, /*with_options=*/false)) {
    std::string_view clause = clause_from(answer, place);
    if (place >= 7 && lower(answer).substr(place - 7, 7) == "\\boxed{") {
      const size_t close = clause.rfind('}');
      if (close != std::string_view::npos) clause = clause.substr(0, close);
    }
    while (!clause.empty() && (clause.front() == ':' || is_space(clause.front())))
      clause.remove_prefix(1);
    if (clause.find_first_not_of(" \t") != std::string_view::npos)
      marked.push_back(bare_answer(clause));
  }
  std::ranges::sort(marked);
  marked.erase(std::ranges::unique(marked).begin(), marked.end());
  if (marked.size() > 1) {
    why_not = "contradicting answers: " + marked[0] + ", " + marked[1];
    return std::nullopt;
  }
  std::string formula = marked.empty() ? answer : marked[0];
  if (formula.find('\n') != std::string::npos) {
    why_not = "several lines, and none is marked as the answer";
    return std::nullopt;
  }
  while (formula.ends_with('.') || formula.ends_with(' ')) formula.pop_back();
  const size_t equals = formula.find('=');
  if (equals != std::string::npos) {
    if (formula.find('=', equals + 1) != std::string::npos) {
      why_not = "several equations";
      return std::nullopt;
    }
    formula = formula.substr(equals + 1);
  }
  return formula;
}

std::optional<size_t> choice_in_answer(std::string_view raw,
                                       const std::vector<std::string>& choices,
                                       std::string& why_not) {
  const std::string answer = bare_answer(raw);
  const ChoiceReader reader(answer, choices);
  if (const auto choice = reader.whole(answer)) return choice;
  if (const auto marked = reader.marked(); !marked.empty()) {
    if (marked.size() == 1) return marked[0];
    why_not = fmt::format("{} different choices are given as the answer", marked.size());
    return std::nullopt;
  }
  const std::vector<size_t> named = reader.named(answer);
  if (const auto letter = reader.leading_letter(answer, /*alone_too=*/false)) {
    const bool others = std::ranges::any_of(named, [&](size_t i) { return i != *letter; });
    if (!others) return letter;
    why_not = "the letter and the text belong to different choices";
    return std::nullopt;
  }
  if (named.size() == 1) return named[0];
  why_not = named.empty() ? "none of the choices is named"
                          : fmt::format("{} choices are named", named.size());
  return std::nullopt;
}

}  // namespace stapes::reward
