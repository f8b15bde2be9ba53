// The texts are read back by an evaluator that knows nothing of the code that writes them.
#include "world/text_twins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "stapes/error.h"

namespace stapes::world {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> words_in(const std::string& text) {
  static const std::regex kWord("-?[A-Za-z0-9|]+");
  std::vector<std::string> words;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), kWord);
       it != std::sregex_iterator(); ++it)
    words.push_back(it->str());
  return words;
}

int digit_of(const std::string& word) {
  static const std::map<std::string, int> kDigits = {
      {"zero", 0}, {"one", 1}, {"two", 2},   {"three", 3}, {"four", 4},
      {"five", 5}, {"six", 6}, {"seven", 7}, {"eight", 8}, {"nine", 9}};
  if (const auto found = kDigits.find(word); found != kDigits.end()) return found->second;
  return word.size() == 1 && word[0] >= '0' && word[0] <= '9' ? word[0] - '0' : -1;
}

int height_of(const std::string& note) {
  static const std::string kOrder = "C.D.EF.G.A.B";
  const size_t step = kOrder.find(note[0]);
  if (note.size() != 2 || step == std::string::npos || note[1] < '0' || note[1] > '9') return -1;
  return 12 * (note[1] - '0') + static_cast<int>(step);
}

const char* way_of(const std::vector<int>& values) {
  return values.back() > values.front()   ? "rise"
         : values.back() < values.front() ? "fall"
                                          : "steady";
}

// The answer to a twin, from the words of its first line alone.
std::string answer_to_twin(const std::string& task, const std::string& question) {
  const std::string line = question.substr(0, question.find('\n'));
  std::vector<int> digits, heights, levels;
  std::set<std::string> names;
  int marks = 0;
  std::string before;
  for (const std::string& word : words_in(line.substr(line.find_first_of(":s") + 1))) {
    if (digit_of(word) >= 0) digits.push_back(digit_of(word));
    if (height_of(word) >= 0) heights.push_back(height_of(word));
    if (word == "dB") levels.push_back(std::stoi(before));
    if (word == "x" || word == "tick" || word == "|") ++marks;
    for (const char* name : kDigitSpeakers)
      if (word == name) names.insert(word);
    before = word;
  }
  if (task == "text-count-beats") return std::to_string(marks);
  if (task == "text-loudness") return way_of(levels);
  if (task == "text-same-speaker") return names.size() == 1 ? "yes" : "no";
  if (task == "text-conflict") return way_of(digits);
  if (task == "text-count-digits") return std::to_string(digits.size());
  if (task == "text-largest") return std::to_string(*std::ranges::max_element(digits));
  if (task == "text-count-notes") return std::to_string(heights.size());
  if (task == "text-highest-note")
    return std::to_string(std::ranges::max_element(heights) - heights.begin() + 1);
  if (task == "text-count-rises") {
    int rises = 0;
    for (size_t i = 1; i < heights.size(); ++i) rises += heights[i] > heights[i - 1] ? 1 : 0;
    return std::to_string(rises);
  }
  int sum = 0;
  std::string list;
  for (const int digit : digits) {
    sum += digit;
    list += (list.empty() ? "" : " ") + std::to_string(digit);
  }
  return task == "text-sum" ? std::to_string(sum) : list;
}

std::string calculated(const std::string& question) {
  int total = 0;
  char sign = '+';
  for (const std::string& word :
       words_in(std::regex_replace(question, std::regex(" ([-+]) "), " $1_ "))) {
    if (word == "x") sign = 'x';
    if (word[0] < '0' || word[0] > '9') continue;
    const int number = std::stoi(word);
    total = sign == 'x' ? total * number : total + number;
  }
  // Subtractions are the only ones with a minus.
  std::smatch match;
  if (std::regex_search(question, match, std::regex("([0-9]+) - ([0-9]+)")))
    total = std::stoi(match[1]) - std::stoi(match[2]);
  return std::to_string(total);
}

std::vector<int> numbers_in(const std::string& text) {
  std::vector<int> numbers;
  for (const std::string& word : words_in(text))
    if (word[0] >= '0' && word[0] <= '9') numbers.push_back(std::stoi(word));
  return numbers;
}

std::string answer_to_plain(const std::string& task, const std::string& question) {
  std::vector<int> numbers = numbers_in(question);
  if (task == "arithmetic") return calculated(question);
  if (task == "compare") {
    if (question.starts_with("Is ")) return numbers[0] > numbers[1] ? "yes" : "no";
    const bool larger = question.find("larger") != std::string::npos;
    return std::to_string(larger ? std::max(numbers[0], numbers[1])
                                 : std::min(numbers[0], numbers[1]));
  }
  if (task == "sort") {
    std::ranges::sort(numbers);
    if (question.find("large to small") != std::string::npos) std::ranges::reverse(numbers);
    std::string list;
    for (const int number : numbers) list += (list.empty() ? "" : " ") + std::to_string(number);
    return list;
  }
  std::smatch match;
  if (task == "strings") {
    EXPECT_TRUE(std::regex_search(question, match, std::regex("\"([a-z]+)\""))) << question;
    const std::string word = match[1];
    if (question.find("backwards") != std::string::npos) return {word.rbegin(), word.rend()};
    if (question.find("How many letters") != std::string::npos) return std::to_string(word.size());
    if (question.find("last letter") != std::string::npos) return {word.back()};
    return word + " " + word;
  }
  if (std::regex_search(question, match, std::regex("My name is ([A-Za-z]+)\\."))) return match[1];
  if (std::regex_search(question, match, std::regex("^Say ([a-z ]+) to ([A-Za-z]+)\\.$"))) {
    std::string greeting = match[1];
    greeting[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(greeting[0])));
    return greeting + ", " + match[2].str() + "!";
  }
  EXPECT_TRUE(std::regex_search(question, match, std::regex("has the ([a-z]+)\\?$"))) << question;
  const std::regex coloured("a ([a-z]+) " + match[1].str() + "[ .]");
  EXPECT_TRUE(std::regex_search(question, match, coloured)) << question;
  return match[1];
}

TEST(TextTwins, AnswersAreRightAndThoughtsComeToThem) {
  for (const std::string& task : text_tasks())
    for (uint64_t i = 0; i < 1000; ++i) {
      const TextExample example = text_example(task, Split::kTrain, 3, i);
      EXPECT_EQ(example.task, task);
      const bool twin = task.starts_with("text-");
      ASSERT_EQ(example.answer, twin ? answer_to_twin(task, example.question)
                                     : answer_to_plain(task, example.question))
          << task << ": " << example.question;
      if (example.answer_kind == "choice") {
        EXPECT_EQ(std::ranges::count(example.choices, example.answer), 1) << example.question;
        EXPECT_GE(example.choices.size(), 2U);
      } else {
        EXPECT_TRUE(example.choices.empty());
      }
      // A number or a word that is asked for stands in the thought.
      if (example.answer_kind == "number") {
        EXPECT_THAT(example.thinking, HasSubstr(example.answer));
      }
    }
}

TEST(TextTwins, EveryKindOfAnswerOccurs) {
  std::map<std::string, int> kinds;
  for (uint64_t i = 0; i < 320; ++i) ++kinds[text_example(Split::kTrain, 1, i).answer_kind];
  EXPECT_EQ(kinds.size(), 4U);
  for (const char* kind : {"number", "choice", "exact", "normalized"}) EXPECT_GT(kinds[kind], 15);
}

TEST(TextTwins, AreFunctionsOfSeedAndIndex) {
  const auto& tasks = text_tasks();
  std::set<std::string> questions;
  for (uint64_t i = 0; i < 160; ++i) {
    const TextExample one = text_example(Split::kTrain, 4, i);
    const TextExample again =
        text_example(tasks[i % tasks.size()], Split::kTrain, 4, i / tasks.size());
    EXPECT_EQ(one.task, tasks[i % tasks.size()]);
    EXPECT_EQ(one.question, again.question);
    EXPECT_EQ(one.thinking, again.thinking);
    EXPECT_EQ(one.choices, again.choices);
    questions.insert(one.question);
  }
  EXPECT_GT(questions.size(), 150U);
  EXPECT_NE(text_example("sort", Split::kTrain, 4, 1).question,
            text_example("sort", Split::kTrain, 5, 1).question);
}

TEST(TextTwins, NoTestQuestionIsTrainedOn) {
  std::set<std::string> train;
  for (uint64_t i = 0; i < 16000; ++i) train.insert(text_example(Split::kTrain, 1, i).question);
  std::map<std::string, std::set<std::string>> test;
  for (uint64_t i = 0; i < 3200; ++i) {
    const TextExample example = text_example(Split::kTest, 2, i);
    EXPECT_FALSE(train.contains(example.question)) << example.question;
    test[example.task].insert(example.question);
  }
  EXPECT_EQ(test.size(), text_tasks().size());
  for (const auto& [task, questions] : test) EXPECT_GT(questions.size(), 25U) << task;
}

TEST(TextTwins, NamesAreStableAndUnknownOnesAreRefused) {
  EXPECT_THAT(text_tasks(),
              ::testing::ElementsAre("text-transcribe", "text-count-digits", "text-sum",
                                   "text-largest", "text-same-speaker", "text-count-notes",
                                   "text-count-rises", "text-highest-note", "text-loudness",
                                   "text-conflict", "text-count-beats", "arithmetic", "compare",
                                   "sort", "strings", "conversation"));
  EXPECT_TRUE(is_text_task("sort"));
  EXPECT_FALSE(is_text_task("sum"));
  try {
    text_example("sum", Split::kTrain, 1, 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("expected a text task (text-transcribe,"));
    EXPECT_THAT(error.what(), HasSubstr("got \"sum\""));
  }
}

}  // namespace
}  // namespace stapes::world
