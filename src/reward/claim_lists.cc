// Claims in lists: "First I hear 3, second 7.", "First E4; second G4, up, 1.", "First -12 dB, ...",
// "First I hear george; second theo, another voice.", and "the digits are 3, 7 and 1".
#include <algorithm>
#include <array>

#include "reward/claim_parser.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

// What may stand between an ordinal and what it points to.
constexpr std::array<std::string_view, 22> kLinks = {
    "i",    "hear",  "heard",  "is",    "was",  "a",      "an",    "the",
    "note", "digit", "number", "sound", "tone", "one",    "comes", "voice",
    "beep", "says",  "said",   "there", "at",   "speaker"};
// Those that point to a level only: "the second has -3 dB", but "has 3 harmonics".
constexpr std::array<std::string_view, 2> kLevelLinks = {"has", "lies"};
constexpr size_t kMostLinks = 4;

// Words that begin a list of digits: "the digits are 3 7 1", "I hear 3, 7 and 1".
constexpr std::array<std::string_view, 7> kListStarts = {"digits", "hear",    "heard", "says",
                                                         "spoken", "numbers", "lists"};

bool is_voice(const std::string& word) {
  return std::ranges::any_of(world::kDigitSpeakers,
                             [&](const char* speaker) { return word == speaker; });
}

std::optional<int> digit_at(const ReadSentence& sentence, size_t index) {
  if (index >= sentence.words.size()) return std::nullopt;
  const auto number = number_of(sentence.words[index]);
  if (!number || *number < 0 || *number > 9 || *number != static_cast<int>(*number))
    return std::nullopt;
  return static_cast<int>(*number);
}

// A digit that is not the number of something: not "3 beeps", "7 dB", "3 + 7".
bool is_bare(const ReadSentence& sentence, size_t index) {
  const char sign = sentence.separator_after(index);
  if (sign == '+' || sign == '=' || sign == '<' || sign == '>') return false;
  if (sign == ',') return true;
  const std::string& next = sentence.word(index + 1);
  return !is_unit(next) && !is_countable(next) && next != "more" && next != "different";
}

class ListReader {
 public:
  ListReader(const ReadSentence& sentence, std::vector<Claim>& claims)
      : sentence_(sentence), claims_(claims) {}

  void read() {
    for (size_t i = 0; i < sentence_.words.size(); ++i) {
      if (const int place = ordinal_of(sentence_.words[i]); place > 0) {
        if (const size_t last = read_item(i, place)) i = last;
      } else if (sentence_.word(i) == "last") {
        // "the last two are soft" counts: of the last, only a level is understood.
        if (const size_t last = read_item(i, kLastPlace)) i = last;
      } else if (is_any_of(sentence_.word(i), kListStarts)) {
        if (const size_t last = read_digits(i)) i = last;
      }
    }
  }

 private:
  // The index of the item's last word; 0 if there is no item.
  size_t read_item(size_t ordinal, int place) {
    size_t value = ordinal + 1;
    bool level_only = place == kLastPlace;
    for (size_t links = 0; links < kMostLinks; ++links, ++value) {
      if (sentence_.separator_after(value - 1) == ',') return 0;
      const bool to_level = is_any_of(sentence_.word(value), kLevelLinks);
      if (!to_level && !is_any_of(sentence_.word(value), kLinks)) break;
      level_only = level_only || to_level;
    }
    if (value >= sentence_.words.size() || sentence_.separator_after(value - 1) == ',') return 0;
    if (level_only && sentence_.word(value + 1) != "db") return 0;
    if (is_note_name(sentence_, value)) return read_note(ordinal, value, place);
    if (is_voice(sentence_.word(value))) return read_voice(ordinal, value, place);
    const auto number = number_of(sentence_.words[value]);
    if (!number) return 0;
    if (sentence_.word(value + 1) == "db") {
      Claim& claim = add(ClaimKind::kLevel, ordinal, value + 1, value, place);
      claim.number = *number;
      return value + 1;
    }
    if (!digit_at(sentence_, value) || !is_bare(sentence_, value)) return 0;
    add(ClaimKind::kDigit, ordinal, value, value, place).number = *number;
    return value;
  }

  size_t read_note(size_t ordinal, size_t value, int place) {
    const Word& word = sentence_.words[value];
    add(ClaimKind::kNote, ordinal, value, value, place).name =
        std::string(sentence_.text.substr(word.begin, word.end - word.begin));
    // "second G4, up": the step to it.
    const std::string& step = sentence_.word(value + 1);
    if (place < 2 || (step != "up" && step != "down" && step != "same")) return value;
    Claim& claim = add(ClaimKind::kStep, value, value + 1, value + 1, place);
    claim.course = course_of_word(step);
    return value + 1;
  }

  size_t read_voice(size_t ordinal, size_t value, int place) {
    add(ClaimKind::kSpeaker, ordinal, value, value, place).name = sentence_.word(value);
    // "second theo, another voice" / "the same voice": compared with the first.
    for (size_t i = value + 1; i < std::min(value + 4, sentence_.words.size()); ++i) {
      const std::string& word = sentence_.word(i);
      if (word != "same" && word != "another" && word != "different") continue;
      const bool named = sentence_.word(i + 1) == "voice" || sentence_.word(i + 1) == "speaker";
      if (!named || place < 2) break;
      Claim& claim = add(ClaimKind::kSameVoice, value, i + 1, i, place);
      claim.denied = word != "same";
      return i + 1;
    }
    return value;
  }

  // "hear 3, 7 and 1"; digits only, and not the number of something.
  size_t read_digits(size_t start) {
    size_t at = start + 1;
    if (sentence_.word(at) == "are" || sentence_.word(at) == "is" ||
        sentence_.word(at) == "digits" || sentence_.word(at) == "numbers")
      ++at;
    // An article or an adjective there means a count: "hear the 3 beeps".
    std::vector<int> digits;
    const size_t first = at;
    size_t last = at;
    while (const auto digit = digit_at(sentence_, at)) {
      if (!is_bare(sentence_, at)) return 0;
      digits.push_back(*digit);
      last = at++;
      if (sentence_.word(at) == "and" || sentence_.word(at) == "then") ++at;
    }
    if (digits.empty() || is_denied(sentence_, start)) return 0;
    Claim& claim = add(ClaimKind::kDigits, start, last, first, 0);
    claim.value_end = sentence_.words[last].end;
    claim.digits = std::move(digits);
    return last;
  }

  Claim& add(ClaimKind kind, size_t first, size_t last, size_t value, int place) {
    claims_.push_back(sentence_.claim(kind, first, last, value, value));
    claims_.back().place = place;
    return claims_.back();
  }

  const ReadSentence& sentence_;
  std::vector<Claim>& claims_;
};

}  // namespace

void read_list_items(const ReadSentence& sentence, std::vector<Claim>& claims) {
  ListReader(sentence, claims).read();
}

}  // namespace stapes::reward
