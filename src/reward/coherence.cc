#include "reward/coherence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "reward/conclusion.h"
#include "reward/words.h"
#include "world/notes.h"

namespace stapes::reward {
namespace {

// A calculation or comparison as it stands: a sign b [= or ", so"] result.
struct Step {
  double a = 0, b = 0, result = 0;
  char sign = 0;
};

class StepReader {
 public:
  explicit StepReader(std::string_view text) : text_(text), words_(words_of(text)) {}

  std::vector<Step> read() const {
    std::vector<Step> steps;
    for (size_t i = 0; i + 2 < words_.size(); ++i)
      if (const auto step = step_at(i)) steps.push_back(*step);
    return steps;
  }

 private:
  std::string between(size_t index) const {
    std::string signs;
    for (const char c :
         text_.substr(words_[index].end, words_[index + 1].begin - words_[index].end))
      if (c != ' ') signs += c;
    return signs;
  }
  std::optional<double> number(size_t index) const {
    // Only digits: "one + one" is rare, and "one" is often a pronoun.
    const std::string& text = words_[index].text;
    if (text.find_first_not_of("0123456789.-") != std::string::npos) return std::nullopt;
    return number_of(words_[index]);
  }

  std::optional<Step> step_at(size_t i) const {
    const auto a = number(i);
    if (!a) return std::nullopt;
    std::string sign = between(i);
    size_t second = i + 1;
    // "3 x 4": the sign is a word.
    if (sign.empty() && (words_[i + 1].text == "x" || words_[i + 1].text == "times")) {
      sign = "*";
      ++second;
    }
    if (sign == "\xC3\x97") sign = "*";
    if (sign == "\xE2\x88\x92") sign = "-";
    if (sign.size() != 1 || std::string_view("+-*/<>=").find(sign[0]) == std::string_view::npos)
      return std::nullopt;
    if (second + 1 >= words_.size()) return std::nullopt;
    const auto b = number(second);
    if (!b) return std::nullopt;
    const bool compares = sign[0] == '<' || sign[0] == '>' || sign[0] == '=';
    size_t third = second + 1;
    if (compares) {
      // "3 < 7, so 7"
      if (words_[third].text != "so" || third + 1 >= words_.size()) return std::nullopt;
      ++third;
    } else if (between(second) != "=") {
      return std::nullopt;
    }
    const auto result = number(third);
    if (!result) return std::nullopt;
    return Step{*a, *b, *result, sign[0]};
  }

  std::string_view text_;
  std::vector<Word> words_;
};

bool is_comparison(const Step& step) {
  return step.sign == '<' || step.sign == '>' || step.sign == '=';
}

bool holds(const Step& step) {
  const auto near = [](double x, double y) {
    return std::abs(x - y) < 1e-6 * std::max(1.0, std::abs(y));
  };
  switch (step.sign) {
    case '+':
      return near(step.a + step.b, step.result);
    case '-':
      return near(step.a - step.b, step.result);
    case '*':
      return near(step.a * step.b, step.result);
    case '/':
      return step.b != 0 && near(step.a / step.b, step.result);
    case '<':
      return step.a < step.b && near(step.result, step.b);
    case '>':
      return step.a > step.b && near(step.result, step.a);
    default:
      return near(step.a, step.b) && near(step.result, step.a);
  }
}

std::string written(const Step& step) {
  return is_comparison(step)
             ? fmt::format("{} {} {}, so {}", step.a, step.sign, step.b, step.result)
             : fmt::format("{} {} {} = {}", step.a, step.sign, step.b, step.result);
}

std::vector<int> heard_digits(std::span<const Claim> claims) {
  std::vector<int> digits;
  for (const Claim& claim : claims) {
    if (claim.kind == ClaimKind::kDigit && claim.place == static_cast<int>(digits.size()) + 1)
      digits.push_back(static_cast<int>(claim.number));
    if (claim.kind == ClaimKind::kDigits && claim.digits.size() > 1) return claim.digits;
  }
  return digits;
}

class CoherenceCheck {
 public:
  CoherenceCheck(std::string_view thought, std::span<const Claim> claims)
      : thought_(thought), claims_(claims), steps_(StepReader(thought).read()) {}

  std::vector<std::string> faults() {
    for (const Step& step : steps_)
      if (!holds(step)) fault("\"{}\" is not so", written(step));
    check_running_steps();
    check_notes();
    check_voices();
    check_totals();
    check_tally();
    check_contradictions();
    return std::move(faults_);
  }

 private:
  template <typename... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  // Sums and comparisons over the heard digits, where the thought lists them and goes through them.
  void check_running_steps() {
    const std::vector<int> digits = heard_digits(claims_);
    if (digits.size() < 2 || steps_.empty()) return;
    for (const bool comparisons : {false, true}) {
      std::vector<Step> chain;
      std::ranges::copy_if(steps_, std::back_inserter(chain), [&](const Step& step) {
        return comparisons ? is_comparison(step) : step.sign == '+';
      });
      if (chain.empty()) continue;
      double carried = digits[0];
      for (size_t i = 0; i < chain.size(); ++i) {
        if (i + 1 >= digits.size()) break;  // checked again, or something else
        if (chain[i].a != carried || chain[i].b != digits[i + 1])
          return fault("\"{}\" should go on from {} with {}", written(chain[i]), carried,
                       digits[i + 1]);
        carried = chain[i].result;
      }
      if (chain.size() + 1 < digits.size())
        fault("only {} of the {} digits heard are gone through", chain.size() + 1, digits.size());
    }
  }

  // "First E4; second G4, up, 1; third D4, down, 1" and "..., best G4 2".
  void check_notes() {
    std::vector<const Claim*> notes;
    for (const Claim& claim : claims_) {
      if (claim.kind == ClaimKind::kNote && claim.place == static_cast<int>(notes.size()) + 1) {
        notes.push_back(&claim);
        check_running_note(notes);
      }
      if (claim.kind == ClaimKind::kStep && claim.place >= 2 &&
          static_cast<size_t>(claim.place) <= notes.size())
        check_direction(claim, *notes[static_cast<size_t>(claim.place) - 2],
                        *notes[static_cast<size_t>(claim.place) - 1]);
    }
  }

  static int height_of(const std::string& note) {
    static constexpr std::array<int, 7> kFromC = {9, 11, 0, 2, 4, 5, 7};
    const int accidental = note.size() == 3 ? (note[1] == '#' ? 1 : -1) : 0;
    return 12 * (note.back() - '0') + kFromC[static_cast<size_t>(note[0] - 'A')] + accidental;
  }

  void check_direction(const Claim& step, const Claim& from, const Claim& to) {
    const int rise = height_of(to.name) - height_of(from.name);
    const Course course = rise > 0 ? Course::kRises : rise < 0 ? Course::kFalls : Course::kSteady;
    if (course != step.course)
      fault("from {} to {} is not {}", from.name, to.name,
            thought_.substr(step.value_begin, step.value_end - step.value_begin));
  }

  // What follows the note up to the next item: a count of rises, or the best note and its place.
  void check_running_note(const std::vector<const Claim*>& notes) {
    const Claim& note = *notes.back();
    size_t end = thought_.find_first_of(";.\n", note.end);
    if (end == std::string_view::npos) end = thought_.size();
    const std::vector<Word> words = words_of(thought_.substr(note.end, end - note.end));
    if (words.empty()) return;
    int rises = 0;
    size_t best = 0;
    for (size_t i = 1; i < notes.size(); ++i) {
      if (height_of(notes[i]->name) > height_of(notes[i - 1]->name)) ++rises;
      if (height_of(notes[i]->name) > height_of(notes[best]->name)) best = i;
    }
    const auto last = number_of(words.back());
    if (!last) return;
    if (words.size() >= 3 && words[words.size() - 3].text == "best") {
      if (*last != static_cast<double>(best + 1))
        fault("the best of the first {} notes is {}, not {}", notes.size(), best + 1, *last);
    } else if (words.size() <= 2 && *last != rises) {
      fault("the first {} notes rise {} times, not {}", notes.size(), rises, *last);
    }
  }

  // "First I hear theo; second george, the same voice": against the names.
  void check_voices() {
    std::map<int, std::string> speakers;
    for (const Claim& claim : claims_)
      if (claim.kind == ClaimKind::kSpeaker) speakers.emplace(claim.place, claim.name);
    if (speakers.empty()) return;
    bool one = true;
    for (const auto& [place, speaker] : speakers) one = one && speaker == speakers.begin()->second;
    for (const Claim& claim : claims_) {
      const auto speaker = speakers.find(claim.place);
      if (claim.kind == ClaimKind::kSameVoice && speaker != speakers.end() &&
          (speaker->second == speakers.begin()->second) == claim.denied)
        fault("{} and {} are not {} voice", speakers.begin()->second, speaker->second,
              claim.denied ? "another" : "the same");
      if (claim.kind == ClaimKind::kOneVoice && one == claim.denied)
        fault("the speakers named {}", one ? "are one" : "are several");
    }
  }

  void check_totals() {
    int digits = 0, notes = 0;
    for (const Claim& claim : claims_) {
      if (claim.kind == ClaimKind::kDigit) digits = std::max(digits, claim.place);
      if (claim.kind == ClaimKind::kNote) notes = std::max(notes, claim.place);
      if (claim.kind != ClaimKind::kCount || claim.denied || claim.rough) continue;
      const int listed = claim.name == "digit" ? digits : claim.name == "note" ? notes : 0;
      if (listed > 0 && listed != claim.number)
        fault("{} {}s are listed, and {} are counted", listed, claim.name, claim.number);
    }
  }

  // "1, 2, 3, 4. That makes 4 beats.": bare numbers from 1 on, and then a count of things that are
  // not themselves numbers.
  void check_tally() {
    for (const Sentence& sentence : sentences_of(thought_)) {
      const std::vector<double> numbers = tally_of(sentence);
      const auto count = std::ranges::find_if(claims_, [&](const Claim& claim) {
        return claim.kind == ClaimKind::kCount && claim.begin >= sentence.end && !claim.rough;
      });
      if (numbers.size() < kShortestTally || count == claims_.end() || count->name == "digit" ||
          count->name == "number")
        continue;
      for (size_t i = 1; i < numbers.size(); ++i)
        if (numbers[i] != numbers[i - 1] + 1)
          return fault("in the tally, {} does not follow {}", numbers[i], numbers[i - 1]);
      if (count->number != numbers.back())
        fault("the tally ends at {}, and {} {}s are counted", numbers.back(), count->number,
              count->name);
    }
  }

  // The numbers of a sentence that ends in a run of bare numbers from 1 on.
  std::vector<double> tally_of(const Sentence& sentence) const {
    std::vector<double> numbers;
    for (size_t i = sentence.words.size(); i-- > 0;) {
      const Word& word = sentence.words[i];
      const auto number = number_of(word);
      if (!number || word.text.find_first_not_of("0123456789") != std::string::npos) break;
      numbers.insert(numbers.begin(), *number);
      if (i == 0) break;
      const size_t before = sentence.words[i - 1].end;
      const std::string_view between = thought_.substr(before, word.begin - before);
      if (between.find_first_not_of(", ") != std::string_view::npos) break;
    }
    if (numbers.empty() || numbers.front() != 1) numbers.clear();
    return numbers;
  }

  void check_contradictions() {
    for (size_t i = 0; i < claims_.size(); ++i)
      for (size_t j = i + 1; j < std::min(claims_.size(), i + kReach); ++j)
        check_pair(claims_[i], claims_[j]);
  }

  void check_pair(const Claim& a, const Claim& b) {
    if (a.kind != b.kind || a.denied || b.denied || a.partial || b.partial) return;
    const bool courses = a.kind == ClaimKind::kCourse && a.property == b.property &&
                         a.course != b.course && a.course != Course::kVaries &&
                         b.course != Course::kVaries;
    const bool counts = a.kind == ClaimKind::kCount && a.name == b.name && a.number != b.number &&
                        !a.rough && !b.rough;
    if (!courses && !counts) return;
    fault("\"{}\" and \"{}\" contradict each other", thought_.substr(a.begin, a.end - a.begin),
          thought_.substr(b.begin, b.end - b.begin));
  }

  static constexpr size_t kReach = 40;
  static constexpr size_t kShortestTally = 3;

  std::string_view thought_;
  std::span<const Claim> claims_;
  std::vector<Step> steps_;
  std::vector<std::string> faults_;
};

}  // namespace

Coherence check_coherence(std::string_view thought, std::string_view answer,
                          std::string_view question) {
  const std::vector<Claim> claims = parse_claims(thought);
  Coherence coherence;
  coherence.reasons = CoherenceCheck(thought, claims).faults();
  coherence.steps_follow = coherence.reasons.empty();
  std::string reason;
  coherence.gives_answer = conclusion_supports(thought, answer, question, reason);
  if (coherence.gives_answer == Support::kNo) coherence.reasons.push_back(reason);
  return coherence;
}

}  // namespace stapes::reward
