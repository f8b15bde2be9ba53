#include "world/plain_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace stapes::world {
namespace {

int draw(Rng& rng, int low, int high) {
  return static_cast<int>(rng.integer(low, high));
}

// "47 + 38": tens, ones, and both together; small numbers in one step.
std::string added_in_steps(int a, int b) {
  if (a < 10 || b < 10) return fmt::format("{} + {} = {}.", a, b, a + b);
  const int tens = a / 10 * 10 + b / 10 * 10, ones = a % 10 + b % 10;
  return fmt::format("{} + {} = {}. {} + {} = {}. {} + {} = {}.", a / 10 * 10, b / 10 * 10, tens,
                     a % 10, b % 10, ones, tens, ones, tens + ones);
}

TextExample arithmetic(Rng& rng) {
  static constexpr std::array<const char*, 3> kAsked = {"What is {}?", "Calculate {}.",
                                                        "How much is {}?"};
  std::string formula, thinking;
  int result = 0;
  switch (rng.integer(0, 3)) {
    case 0: {
      const int a = draw(rng, 0, 99), b = draw(rng, 0, 99);
      formula = fmt::format("{} + {}", a, b);
      thinking = added_in_steps(a, b);
      result = a + b;
      break;
    }
    case 1: {
      const int b = draw(rng, 0, 49), a = b + draw(rng, 0, 50);
      formula = fmt::format("{} - {}", a, b);
      result = a - b;
      thinking = fmt::format("{} = {}.", formula, result);
      break;
    }
    case 2: {
      const int a = draw(rng, 0, 9), b = draw(rng, 0, 9), c = draw(rng, 0, 9);
      formula = fmt::format("{} + {} + {}", a, b, c);
      result = a + b + c;
      thinking = fmt::format("{} + {} = {}. {} + {} = {}.", a, b, a + b, a + b, c, result);
      break;
    }
    default: {
      const int a = draw(rng, 2, 12), b = draw(rng, 2, 12);
      formula = fmt::format("{} x {}", a, b);
      result = a * b;
      thinking = fmt::format("{} = {}.", formula, result);
    }
  }
  return {.task = {},
          .question = fmt::format(fmt::runtime(rng.pick(kAsked)), formula),
          .thinking = thinking,
          .answer = std::to_string(result),
          .answer_kind = "number",
          .choices = {}};
}

TextExample compare(Rng& rng) {
  const int a = draw(rng, 0, 99);
  int b = draw(rng, 0, 99);
  if (b == a) b = (a + 1) % 100;
  const int larger = std::max(a, b), smaller = std::min(a, b);
  const char sign = a < b ? '<' : '>';
  TextExample example{.task = {},
                      .question = {},
                      .thinking = {},
                      .answer = {},
                      .answer_kind = "choice",
                      .choices = {std::to_string(a), std::to_string(b)}};
  switch (rng.integer(0, 2)) {
    case 0:
      example.question = fmt::format("Which is larger, {} or {}?", a, b);
      example.thinking = fmt::format("{} {} {}, so {}.", a, sign, b, larger);
      example.answer = std::to_string(larger);
      break;
    case 1:
      example.question = fmt::format("Which is smaller, {} or {}?", a, b);
      example.thinking = fmt::format("{} {} {}. The smaller one is {}.", a, sign, b, smaller);
      example.answer = std::to_string(smaller);
      break;
    default:
      example.question = fmt::format("Is {} larger than {}?", a, b);
      example.thinking = fmt::format("{} {} {}, so {}. The answer is {}.", a, sign, b, larger,
                                     a > b ? "yes" : "no");
      example.answer = a > b ? "yes" : "no";
      example.choices = {"yes", "no"};
  }
  return example;
}

TextExample sort(Rng& rng) {
  const bool rising = rng.chance(0.5);
  std::vector<int> numbers;
  const int count = draw(rng, 3, 5);
  while (static_cast<int>(numbers.size()) < count) {
    const int number = draw(rng, 0, 20);
    if (std::ranges::count(numbers, number) == 0) numbers.push_back(number);
  }
  std::vector<int> sorted = numbers;
  std::ranges::sort(sorted);
  if (!rising) std::ranges::reverse(sorted);
  std::string thinking =
      fmt::format("The {} is {}.", rising ? "smallest" : "largest", sorted.front());
  for (size_t i = 1; i < sorted.size(); ++i) thinking += fmt::format(" Then comes {}.", sorted[i]);
  const std::string result = fmt::format("{}", fmt::join(sorted, " "));
  return {.task = {},
          .question = fmt::format("Sort {} from {}.", fmt::join(numbers, ", "),
                                  rising ? "small to large" : "large to small"),
          .thinking = fmt::format("{} In order: {}.", thinking, result),
          .answer = result,
          .answer_kind = "normalized",
          .choices = {}};
}

// Words that are made up of syllables: there are many, so that spelling cannot be learned by heart.
std::string made_up_word(Rng& rng) {
  static constexpr std::array<const char*, 20> kSyllables = {
      "ba", "co", "du", "fi", "ga", "he", "jo", "ka", "lu", "mi",
      "no", "pa", "ro", "se", "ti", "vu", "wa", "xo", "yo", "zi"};
  static constexpr std::array<const char*, 6> kEnds = {"", "", "n", "r", "s", "t"};
  std::string word;
  for (int syllables = draw(rng, 1, 2); syllables > 0; --syllables) word += rng.pick(kSyllables);
  return word + rng.pick(kEnds);
}

std::string spelled(const std::string& word) {
  std::vector<std::string> letters;
  for (const char letter : word) letters.emplace_back(1, letter);
  return fmt::format("{}", fmt::join(letters, ", "));
}

TextExample strings(Rng& rng) {
  const std::string word = made_up_word(rng);
  TextExample example{.task = {},
                      .question = {},
                      .thinking = {},
                      .answer = {},
                      .answer_kind = "exact",
                      .choices = {}};
  switch (rng.integer(0, 3)) {
    case 0:
      example.question = fmt::format("Write the word \"{}\" backwards.", word);
      example.answer = std::string(word.rbegin(), word.rend());
      example.thinking = fmt::format("The letters are {}. Backwards they are {}.", spelled(word),
                                     spelled(example.answer));
      break;
    case 1: {
      example.question = fmt::format("How many letters has the word \"{}\"?", word);
      std::vector<std::string> counted;
      for (size_t i = 0; i < word.size(); ++i)
        counted.push_back(fmt::format("{} {}", word[i], i + 1));
      example.answer = std::to_string(word.size());
      example.thinking = fmt::format("I count {}.", fmt::join(counted, ", "));
      example.answer_kind = "number";
      break;
    }
    case 2:
      example.question = fmt::format("What is the last letter of the word \"{}\"?", word);
      example.answer = word.substr(word.size() - 1);
      example.thinking =
          fmt::format("The letters are {}. The last one is {}.", spelled(word), example.answer);
      break;
    default:
      example.question = fmt::format("Write the word \"{}\" twice.", word);
      example.answer = word + " " + word;
      example.thinking = fmt::format("The word is {}. Twice it is {}.", word, example.answer);
      example.answer_kind = "normalized";
  }
  return example;
}

constexpr std::array<const char*, 24> kPeople = {"Anna",  "Ben",  "Clara", "David", "Eva",  "Felix",
                                                 "Greta", "Hugo", "Ida",   "Jan",   "Kim",  "Leo",
                                                 "Mia",   "Nora", "Otto",  "Paula", "Rosa", "Sam",
                                                 "Tom",   "Uma",  "Vera",  "Will",  "Yara", "Zoe"};

// "Anna has a red ball and a blue cup. Which colour has the cup?"
TextExample colour_question(Rng& rng) {
  static constexpr std::array<const char*, 6> kColours = {"red",   "blue",  "green",
                                                          "black", "white", "yellow"};
  static constexpr std::array<const char*, 6> kThings = {"ball", "cup",  "hat",
                                                         "book", "door", "car"};
  const int first = draw(rng, 0, 5), second = (first + draw(rng, 1, 5)) % 6;
  const int thing = draw(rng, 0, 5), other = (thing + draw(rng, 1, 5)) % 6;
  const auto text = [](const auto& list, int place) { return list[static_cast<size_t>(place)]; };
  const bool ask_first = rng.chance(0.5);
  const char* asked = text(kThings, ask_first ? thing : other);
  const char* colour = text(kColours, ask_first ? first : second);
  return {
      .task = {},
      .question = fmt::format("{} has a {} {} and a {} {}. Which colour has the {}?",
                              rng.pick(kPeople), text(kColours, first), text(kThings, thing),
                              text(kColours, second), text(kThings, other), asked),
      .thinking = fmt::format("The question is about the {}. The {} is {}.", asked, asked, colour),
      .answer = colour,
      .answer_kind = "choice",
      .choices = {text(kColours, first), text(kColours, second)}};
}

TextExample conversation(Rng& rng) {
  if (rng.chance(0.4)) return colour_question(rng);
  static constexpr std::array<const char*, 5> kGreetings = {"Hello", "Good morning", "Good evening",
                                                            "Goodbye", "Welcome"};
  const std::string name = rng.pick(kPeople), greeting = rng.pick(kGreetings);
  if (rng.chance(0.5)) {
    static constexpr std::array<const char*, 2> kAsked = {"What is my name?", "Who am I?"};
    return {.task = {},
            .question = fmt::format("{}! My name is {}. {}", greeting, name, rng.pick(kAsked)),
            .thinking = fmt::format("The name in the message is {}.", name),
            .answer = name,
            .answer_kind = "exact",
            .choices = {}};
  }
  std::string said = greeting;
  said[0] = static_cast<char>(said[0] - 'A' + 'a');
  return {.task = {},
          .question = fmt::format("Say {} to {}.", said, name),
          .thinking = fmt::format("I greet with {}, and the name is {}.", said, name),
          .answer = fmt::format("{}, {}!", greeting, name),
          .answer_kind = "normalized",
          .choices = {}};
}

constexpr std::array<PlainTextTask, 5> kTasks = {{{"arithmetic", arithmetic},
                                                  {"compare", compare},
                                                  {"sort", sort},
                                                  {"strings", strings},
                                                  {"conversation", conversation}}};

}  // namespace

std::span<const PlainTextTask> plain_text_tasks() {
  return kTasks;
}

}  // namespace stapes::world
