#include "reward/conclusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "reward/reply.h"
#include "reward/words.h"

namespace stapes::reward {
namespace {

// Words that stand for one meaning in answers and conclusions.
struct Meaning {
  std::array<std::string_view, 10> words;
  int group;  // meanings of one group exclude each other
};
constexpr std::array<Meaning, 7> kMeanings = {{
    {{"rise", "rises", "rising", "up", "increase", "increases", "increasing", "louder", "higher",
      "ascending"},
     0},
    {{"fall", "falls", "falling", "down", "decrease", "decreases", "decreasing", "softer",
      "quieter", "lower"},
     0},
    {{"steady", "constant", "flat", "unchanged", "even", "stable", "same", "steadily", "", ""}, 0},
    {{"yes", "true", "correct", "", "", "", "", "", "", ""}, 1},
    {{"no", "false", "incorrect", "", "", "", "", "", "", ""}, 1},
    {{"faster", "accelerates", "quicker", "", "", "", "", "", "", ""}, 2},
    {{"slower", "slows", "", "", "", "", "", "", "", ""}, 2},
}};

const Meaning* meaning_of(const std::string& word) {
  for (const Meaning& meaning : kMeanings)
    if (!word.empty() && std::ranges::find(meaning.words, word) != meaning.words.end())
      return &meaning;
  return nullptr;
}

// "the second one": not the number.
bool is_pronoun(std::span<const Word> words, size_t index) {
  static constexpr std::array<std::string_view, 8> kBefore = {"the",  "this",    "that", "each",
                                                              "last", "another", "no",   "which"};
  return words[index].text == "one" && index > 0 &&
         (ordinal_of(words[index - 1]) > 0 || is_any_of(words[index - 1].text, kBefore));
}

std::vector<double> numbers_of(std::span<const Word> words) {
  std::vector<double> numbers;
  for (size_t i = 0; i < words.size(); ++i)
    if (ordinal_of(words[i]) == 0 && !is_pronoun(words, i))
      if (const auto number = number_of(words[i])) numbers.push_back(*number);
  return numbers;
}

std::vector<Word> last_sentence(std::string_view thought) {
  std::vector<Sentence> sentences = sentences_of(thought);
  return sentences.empty() ? std::vector<Word>() : std::move(sentences.back().words);
}

bool holds_run(std::span<const Word> words, std::span<const Word> run) {
  if (run.empty() || run.size() > words.size()) return false;
  for (size_t i = 0; i + run.size() <= words.size(); ++i)
    if (std::equal(run.begin(), run.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                   [](const Word& a, const Word& b) { return a.text == b.text; }))
      return true;
  return false;
}

// "First I hear 3, second 7": a list comes to no single number.
bool is_list_of_heard(std::span<const Word> end) {
  const auto ordinals =
      std::ranges::count_if(end, [](const Word& word) { return ordinal_of(word) > 0; });
  return ordinals >= 2 && static_cast<size_t>(ordinals) == numbers_of(end).size();
}

Support supports_number(std::span<const Word> end, double answer, std::string& reason) {
  const std::vector<double> numbers = numbers_of(end);
  if (numbers.empty() || is_list_of_heard(end)) return Support::kUndecided;
  // What the sentence comes to is its last number: "10 + 1 = 11", "7 > 1, so 7", "makes 3 digits".
  if (numbers.back() == answer) return Support::kYes;
  reason = fmt::format("the thought comes to {}, and the answer is {}", numbers.back(), answer);
  return Support::kNo;
}

Support supports_list(std::span<const Word> end, const std::vector<double>& answer,
                      std::string& reason) {
  const std::vector<double> numbers = numbers_of(end);
  if (numbers.empty()) return Support::kUndecided;
  if (numbers == answer) return Support::kYes;
  reason = fmt::format("the thought comes to {}, and the answer is {}", fmt::join(numbers, " "),
                       fmt::join(answer, " "));
  return Support::kNo;
}

// A yes or no to "is it one voice?", from what the end says about the voices.
std::optional<bool> one_voice_of(std::span<const Word> end) {
  for (size_t i = 0; i < end.size(); ++i) {
    const std::string& word = end[i].text;
    if (word == "differ" || word == "different" || word == "another") return false;
    if (word == "same")
      return !(i > 0 && end[i - 1].text == "not") && !(i > 1 && end[i - 2].text == "not");
  }
  return std::nullopt;
}

bool asks_for_one_voice(std::string_view question) {
  static constexpr std::array<std::string_view, 6> kOne = {"same", "one",  "single",
                                                           "only", "sole", "identical"};
  static constexpr std::array<std::string_view, 4> kWho = {"voice", "person", "speaker", "speak"};
  bool one = false, who = false;
  for (const Word& word : words_of(question)) {
    one = one || is_any_of(word.text, kOne);
    who = who || is_any_of(word.text, kWho);
  }
  return one && who;
}

Support supports_words(std::span<const Word> end, std::span<const Word> answer,
                       std::string_view question, std::string& reason) {
  if (holds_run(end, answer) && answer.size() > 1) return Support::kYes;
  const Meaning* wanted = answer.size() == 1 ? meaning_of(answer[0].text) : nullptr;
  if (wanted == nullptr) return holds_run(end, answer) ? Support::kYes : Support::kUndecided;
  if (wanted->group == 1 && asks_for_one_voice(question)) {
    const auto one = one_voice_of(end);
    if (!one) return Support::kUndecided;
    if (*one == (answer[0].text == "yes")) return Support::kYes;
    reason = fmt::format("the thought ends in \"{}\", and the answer is {}", joined(end),
                         joined(answer));
    return Support::kNo;
  }
  bool said = false, other = false;
  for (const Word& word : end) {
    const Meaning* meaning = meaning_of(word.text);
    if (meaning == nullptr || meaning->group != wanted->group) continue;
    said = said || meaning == wanted;
    other = other || meaning != wanted;
  }
  if (said == other) return Support::kUndecided;
  if (said) return Support::kYes;
  reason =
      fmt::format("the thought ends in \"{}\", and the answer is {}", joined(end), joined(answer));
  return Support::kNo;
}

}  // namespace

Support conclusion_supports(std::string_view thought, std::string_view answer,
                            std::string_view question, std::string& reason) {
  const std::vector<Word> end = last_sentence(thought);
  const std::vector<Word> given = words_of(bare_answer(answer));
  if (end.empty() || given.empty()) return Support::kUndecided;
  const std::vector<double> numbers = numbers_of(given);
  if (numbers.size() == given.size())
    return numbers.size() == 1 ? supports_number(end, numbers[0], reason)
                               : supports_list(end, numbers, reason);
  return supports_words(end, given, question, reason);
}

}  // namespace stapes::reward
