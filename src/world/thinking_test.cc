// The thoughts are read back by an evaluator that knows nothing of the code that writes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "stapes/error.h"
#include "world/melody.h"
#include "world/questions.h"
#include "world/random_truth.h"
#include "world/text_twins.h"
#include "world/world.h"

namespace stapes::world {
namespace {

using ::testing::HasSubstr;

Truth digits(const std::vector<int>& values, const std::string& speakers = "aaaa") {
  Truth truth;
  for (size_t i = 0; i < values.size(); ++i) {
    Event& event = truth.events.emplace_back();
    event.digit = values[i];
    event.speaker = speakers[i];
  }
  return truth;
}

Truth notes(const std::vector<int>& midi_notes, int trend = 0) {
  Truth truth;
  truth.loudness_trend = trend;
  for (const int note : midi_notes) truth.events.emplace_back().midi_note = note;
  return truth;
}

TEST(Thinking, IsWordedAsAgreed) {
  const Truth three = digits({3, 7, 1}, "aab");
  const Truth melody = notes({64, 67, 62, 62});
  Truth rising = notes({64, 67, 62}, +1);
  rising.events[0].level_db = -31.6;
  rising.events[1].level_db = -26.2;
  rising.events[2].level_db = -20.0;
  const struct {
    Task task;
    const Truth& truth;
    const char* thinking;
    const char* answer;
  } cases[] = {
      {Task::kTranscribe, three, "First I hear 3, second 7, third 1.", "3 7 1"},
      {Task::kCountDigits, three, "First I hear 3, second 7, third 1. That makes 3 digits.", "3"},
      {Task::kSum, three, "First I hear 3, second 7, third 1. 3 + 7 = 10. 10 + 1 = 11.", "11"},
      {Task::kLargest, three, "First I hear 3, second 7, third 1. 3 < 7, so 7. 7 > 1, so 7.", "7"},
      {Task::kSameSpeaker, three,
       "First I hear a; second a, the same voice; third b, another voice. The voices differ.",
       "no"},
      {Task::kCountNotes, melody,
       "First E4; second G4, up; third D4, down; fourth D4, same. That makes 4 notes.", "4"},
      {Task::kCountRises, melody,
       "First E4, 0; second G4, up, 1; third D4, down, 1; fourth D4, same, 1.", "1"},
      {Task::kHighestNote, melody,
       "First E4, best E4 1; second G4, up, best G4 2; third D4, down, best G4 2; "
       "fourth D4, same, best G4 2.",
       "2"},
      {Task::kLoudness, melody,
       "First 0 dB, second 0 dB, third 0 dB, fourth 0 dB. The loudness is steady.", "steady"},
      {Task::kLoudness, rising, "First -12 dB, second -6 dB, third 0 dB. The loudness rises.",
       "rise"},
  };
  for (const auto& expected : cases) {
    EXPECT_EQ(thinking_for(expected.task, expected.truth), expected.thinking);
    EXPECT_EQ(answer_for(expected.task, expected.truth), expected.answer);
  }
}

TEST(Thinking, OfConflictsAndBeats) {
  Truth conflict = digits({2, 5, 8}, "aaa");
  conflict.number_trend = +1;
  conflict.loudness_trend = -1;
  for (size_t i = 0; i < 3; ++i) conflict.events[i].level_db = -20 - 6.2 * static_cast<double>(i);
  EXPECT_TRUE(conflict.conflicts());
  EXPECT_EQ(thinking_for(Task::kConflict, conflict),
            "The first digit has 0 dB, the last -12 dB. It gets softer.");
  EXPECT_EQ(answer_for(Task::kConflict, conflict), "fall");
  EXPECT_EQ(surrogate_thinking_for(Task::kConflict, conflict),
            "The text lists 2, 5 and 8. The numbers go up.");
  EXPECT_EQ(surrogate_answer_for(Task::kConflict, conflict), "rise");
  // Any other question about it is answered as about all speech.
  EXPECT_EQ(answer_for(Task::kSum, conflict), "15");

  Truth beats;
  beats.events.resize(4);
  EXPECT_EQ(thinking_for(Task::kCountBeats, beats), "1, 2, 3, 4. That makes 4 beats.");
  EXPECT_EQ(surrogate_thinking_for(Task::kCountBeats, beats),
            "Reading the text: 1, 2, 3, 4. That makes 4 beats.");
  EXPECT_EQ(answer_for(Task::kCountBeats, beats), "4");
}

TEST(Thinking, OfAReaderIsWordedAsAgreed) {
  const Truth three = digits({3, 7, 1}, "aab");
  const Truth melody = notes({64, 67, 62, 62});
  Truth rising = notes({64, 67, 62}, +1);
  for (size_t i = 0; i < 3; ++i) rising.events[i].level_db = -30 + 6.1 * static_cast<double>(i);
  const auto expect = [](Task task, const Truth& truth, const char* thinking) {
    EXPECT_EQ(surrogate_thinking_for(task, truth), thinking);
    EXPECT_EQ(surrogate_answer_for(task, truth), answer_for(task, truth));
  };
  expect(Task::kTranscribe, three, "The text lists 3, 7 and 1.");
  expect(Task::kCountDigits, three, "The text lists 3, 7 and 1. That makes 3 digits.");
  expect(Task::kSum, three, "The text lists 3, 7 and 1. 3 + 7 = 10. 10 + 1 = 11.");
  expect(Task::kLargest, three, "The text lists 3, 7 and 1. 3 < 7, so 7. 7 > 1, so 7.");
  expect(Task::kSameSpeaker, three, "The text lists a, a and b. The names differ.");
  expect(Task::kCountNotes, melody, "The text lists E4, G4, D4 and D4. That makes 4 notes.");
  expect(Task::kCountRises, melody,
         "The text lists E4, G4, D4 and D4. E4 to G4 is up, 1. G4 to D4 is down, 1. D4 to D4 is "
         "the same, 1.");
  expect(Task::kHighestNote, melody,
         "The text lists E4, G4, D4 and D4. E4 < G4, so G4 2. G4 > D4, so G4 2. G4 > D4, so G4 2.");
  expect(Task::kLoudness, rising, "The text lists -12 dB, -6 dB and 0 dB. The levels go up.");
}

TEST(Thinking, OneDigit) {
  const Truth one = digits({4});
  EXPECT_EQ(thinking_for(Task::kCountDigits, one), "First I hear 4. That makes 1 digit.");
  EXPECT_EQ(thinking_for(Task::kSum, one), "First I hear 4. The sum is 4.");
  EXPECT_EQ(thinking_for(Task::kLargest, one), "First I hear 4. The largest is 4.");
  EXPECT_EQ(answer_for(Task::kSameSpeaker, one), "yes");
}

// Runs of letters, and every other character alone.
std::vector<std::string> pieces(const std::string& text) {
  std::vector<std::string> found;
  bool in_word = false;
  for (const char c : text) {
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if (letter && in_word)
      found.back() += c;
    else
      found.emplace_back(1, c);
    in_word = letter;
  }
  return found;
}

std::string number_after(const std::string& text, const std::string& words) {
  const size_t at = text.find(words);
  if (at == std::string::npos) return "";
  return std::to_string(std::stoi(text.substr(at + words.size())));
}

const std::vector<std::string> kOrdinals = {"first", "second", "third",   "fourth",
                                            "fifth", "sixth",  "seventh", "eighth"};

// Reads "First I hear 3, second 7." and checks the ordinals.
std::vector<int> read_digits(const std::string& text) {
  std::istringstream words(text.substr(0, text.find('.')));
  std::string word, i_hear;
  std::vector<int> found;
  while (words >> word) {
    EXPECT_EQ(word, found.empty() ? "First" : kOrdinals.at(found.size()));
    if (found.empty()) words >> i_hear >> i_hear;
    int digit = -1;
    words >> digit;
    words.ignore(1);
    found.push_back(digit);
  }
  return found;
}

// Follows steps "a + b = c." or "a < b, so c.", each from the result before and the next heard
// digit.
std::string follow_chain(const std::string& text) {
  const std::vector<int> heard = read_digits(text);
  if (heard.size() == 1) return number_after(text, " is ");
  std::istringstream steps(text.substr(text.find('.') + 1));
  int state = heard[0];
  for (size_t next = 1; next < heard.size(); ++next) {
    int a = -1, b = -1, c = -1;
    char sign = 0, point = 0;
    std::string link;
    steps >> a >> sign >> b >> link;
    if (link == ",") steps >> link;
    steps >> c >> point;
    EXPECT_EQ(link, sign == '+' ? "=" : "so") << text;
    EXPECT_EQ(point, '.') << text;
    EXPECT_EQ(a, state) << text;
    EXPECT_EQ(b, heard[next]) << text;
    const bool true_step = sign == '+'   ? a + b == c
                           : sign == '<' ? a < b && c == b
                           : sign == '>' ? a > b && c == a
                                         : sign == '=' && a == b && c == a;
    EXPECT_TRUE(true_step) << text;
    state = c;
  }
  std::string more;
  EXPECT_FALSE(steps >> more) << text;
  return std::to_string(state);
}

int semitone(const std::string& note) {
  static const std::map<char, int> kSteps = {{'C', 0}, {'D', 2}, {'E', 4}, {'G', 7}, {'A', 9}};
  return kSteps.at(note[0]) + 12 * (note[1] - '0');
}

struct HeardNote {
  std::string name, direction, rest;
};

// "First E4, REST; second G4, up, REST." with directions and ordinals checked.
std::vector<HeardNote> read_notes(const std::string& text) {
  std::istringstream parts(text.substr(0, text.find('.')));
  std::vector<HeardNote> heard;
  for (std::string one; std::getline(parts, one, ';');) {
    std::istringstream fields(one);
    std::string ordinal;
    HeardNote note;
    fields >> ordinal >> note.name;
    EXPECT_EQ(ordinal, heard.empty() ? "First" : kOrdinals.at(heard.size())) << text;
    if (note.name.back() == ',') note.name.pop_back();
    EXPECT_EQ(note.name.size(), 2U) << text;
    if (!heard.empty()) {
      fields >> note.direction;
      if (note.direction.back() == ',') note.direction.pop_back();
      const int step = semitone(note.name) - semitone(heard.back().name);
      EXPECT_EQ(note.direction, step > 0 ? "up" : step < 0 ? "down" : "same") << text;
    }
    std::getline(fields >> std::ws, note.rest);
    heard.push_back(note);
  }
  return heard;
}

std::string follow_rises(const std::string& text) {
  int rises = 0;
  for (const HeardNote& note : read_notes(text)) {
    rises += note.direction == "up" ? 1 : 0;
    EXPECT_EQ(note.rest, std::to_string(rises)) << text;
  }
  return std::to_string(rises);
}

std::string follow_highest(const std::string& text) {
  std::string best_note, best_place;
  int place = 0;
  for (const HeardNote& note : read_notes(text)) {
    ++place;
    if (best_note.empty() || semitone(note.name) > semitone(best_note)) {
      best_note = note.name;
      best_place = std::to_string(place);
    }
    EXPECT_EQ(note.rest, "best " + best_note + " " + best_place) << text;
  }
  return best_place;
}

// Do the voices differ? Each remark must fit the two names that it compares.
bool follow_voices(const std::string& text) {
  std::istringstream parts(text.substr(std::string("First I hear ").size()));
  std::string part, first;
  bool differ = false;
  while (std::getline(parts, part, ';')) {
    part = part.substr(0, part.find('.'));
    if (first.empty()) {
      first = part;
      continue;
    }
    std::istringstream words(part);
    std::string place, name, remark;
    words >> place >> name;
    std::getline(words, remark);
    const bool other = name != first + ",";
    EXPECT_EQ(remark, other ? " another voice" : " the same voice") << text;
    differ = differ || other;
  }
  return differ;
}

// The trend of the levels that are named, which the last sentence must state.
std::string follow_levels(const std::string& text) {
  std::vector<int> levels;
  std::istringstream words(text);
  std::string word, before;
  while (words >> word) {
    if (word.starts_with("dB")) levels.push_back(std::stoi(before));
    before = word;
  }
  EXPECT_EQ(*std::max_element(levels.begin(), levels.end()), 0) << text;
  const int change = levels.back() - levels.front();
  const bool rises = change >= 6, falls = change <= -6;
  EXPECT_THAT(text, HasSubstr(rises   ? "The loudness rises."
                              : falls ? "The loudness falls."
                                      : "The loudness is steady."));
  return rises ? "rise" : falls ? "fall" : "steady";
}

// "The first digit has -12 dB, the last 0 dB. It gets louder."
std::string follow_course(const std::string& text) {
  int first = 1, last = 1;
  char way[16] = {};
  EXPECT_EQ(
      std::sscanf(text.c_str(), "The first digit has %d dB, the last %d dB. It gets %15[a-z].",
                  &first, &last, way),
      3)
      << text;
  EXPECT_EQ(std::max(first, last), 0) << text;
  EXPECT_GE(std::abs(first - last), 9) << text;
  EXPECT_STREQ(way, last > first ? "louder" : "softer") << text;
  return last > first ? "rise" : "fall";
}

// "1, 2, 3. That makes 3 beats."
std::string follow_tally(const std::string& text) {
  std::istringstream words(text);
  int next = 1;
  std::string word;
  while (words >> word && std::isdigit(static_cast<unsigned char>(word[0])) != 0)
    EXPECT_EQ(std::stoi(word), next++) << text;
  EXPECT_EQ(number_after(text, "makes "), std::to_string(next - 1));
  return std::to_string(next - 1);
}

std::string evaluate(Task task, const std::string& text) {
  switch (task) {
    case Task::kTranscribe: {
      std::string answer;
      for (const int digit : read_digits(text))
        answer += (answer.empty() ? "" : " ") + std::to_string(digit);
      return answer;
    }
    case Task::kCountDigits:
      EXPECT_EQ(number_after(text, "makes "), std::to_string(read_digits(text).size()));
      return number_after(text, "makes ");
    case Task::kSum:
    case Task::kLargest:
      return follow_chain(text);
    case Task::kSameSpeaker: {
      const bool differ = follow_voices(text);
      EXPECT_THAT(text, HasSubstr(differ ? "The voices differ." : "The voice stays the same."));
      return differ ? "no" : "yes";
    }
    case Task::kCountNotes:
      EXPECT_EQ(number_after(text, "makes "), std::to_string(read_notes(text).size()));
      return number_after(text, "makes ");
    case Task::kCountRises:
      return follow_rises(text);
    case Task::kHighestNote:
      return follow_highest(text);
    case Task::kLoudness:
      return follow_levels(text);
    case Task::kConflict:
      return follow_course(text);
    case Task::kCountBeats:
      return follow_tally(text);
  }
  return {};
}

TEST(Thinking, LeadsToTheAnswerForThousandsOfTruths) {
  for (int index = 0; index < kTaskCount; ++index) {
    const auto task = static_cast<Task>(index);
    for (uint64_t position = 0; position < 2000; ++position) {
      Rng rng(5, static_cast<uint64_t>(index), position);
      const Truth truth = random_truth(task, rng);
      const std::string thinking = thinking_for(task, truth);
      ASSERT_EQ(evaluate(task, thinking), answer_for(task, truth)) << thinking;
      ASSERT_FALSE(HasFailure()) << thinking;
    }
  }
}

TEST(Thinking, RefusesTheWrongKindOfClip) {
  const auto expect_usage = [](Task task, const Truth& truth, const char* message) {
    for (const bool thinking : {true, false}) {
      try {
        thinking ? thinking_for(task, truth) : answer_for(task, truth);
        FAIL() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kUsage);
        EXPECT_STREQ(error.what(), message);
      }
    }
  };
  expect_usage(Task::kSum, notes({60}), "the task sum needs a clip of speech, got one of music");
  expect_usage(Task::kLoudness, digits({1}),
               "the task loudness needs a clip of music, got one of speech");
  expect_usage(Task::kCountBeats, notes({60}),
               "the task count-beats needs a clip of beats, got one of music");
  expect_usage(Task::kConflict, digits({1, 2}),
               "the task conflict needs digits whose values and whose loudness rise or fall, got "
               "others");
  expect_usage(Task::kSum, {}, "the task sum needs a clip of speech, got one of nothing");
}

TEST(Questions, CanonicalOnesAreThePublishedOnes) {
  const std::vector<std::string> published = {"Which digits are spoken?",
                                              "How many digits are spoken?",
                                              "What is the sum of the digits?",
                                              "Which digit is the largest?",
                                              "Are all digits spoken by the same person?",
                                              "How many notes are there?",
                                              "How many times does the melody rise?",
                                              "Which note is the highest?",
                                              "Does the loudness rise or fall?",
                                              "Does it rise or fall?",
                                              "How many beats are there?"};
  for (int index = 0; index < kTaskCount; ++index) {
    const auto task = static_cast<Task>(index);
    EXPECT_EQ(canonical_question(task), published.at(static_cast<size_t>(index)));
    EXPECT_EQ(question_for(task, 0, static_cast<uint64_t>(index)), canonical_question(task));
    EXPECT_EQ(task_by_name(name(task)), task);
    EXPECT_EQ(is_speech_task(task), index < 5 || task == Task::kConflict);
  }
}

TEST(Questions, ParaphrasesAreManyAndDistinct) {
  std::set<std::string> all;
  size_t count = 0;
  for (int index = 0; index < kTaskCount; ++index) {
    const auto task = static_cast<Task>(index);
    EXPECT_GE(paraphrases(task).size(), 4U);
    std::set<std::string> asked;
    for (uint64_t seed = 0; seed < 200; ++seed) asked.insert(question_for(task, 1, seed));
    EXPECT_EQ(asked.size(), paraphrases(task).size());
    EXPECT_EQ(asked.count(canonical_question(task)), 0U);
    count += 1 + asked.size();
    all.insert(asked.begin(), asked.end());
    all.insert(canonical_question(task));
  }
  EXPECT_EQ(all.size(), count);
}

TEST(Questions, ParaphraseShareIsKept) {
  int canonical = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed)
    canonical += question_for(Task::kSum, 0.25, seed) == canonical_question(Task::kSum) ? 1 : 0;
  EXPECT_NEAR(canonical, 3000, 120);
}

TEST(Questions, UnknownTaskNameListsTheTasks) {
  try {
    task_by_name("dance");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_STREQ(error.what(),
                 "expected a task of the sound world (transcribe, count-digits, sum, largest, "
                 "same-speaker, count-notes, count-rises, highest-note, loudness, conflict, "
                 "count-beats), got \"dance\"");
  }
}

TEST(TextCorpus, HasEveryWordThatTheWorldSays) {
  std::set<std::string> known;
  for (const std::string& text : text_corpus(20000, CorpusTexts::kAll))
    for (const std::string& word : pieces(text)) known.insert(word);
  for (int index = 0; index < kTaskCount; ++index) {
    const auto task = static_cast<Task>(index);
    std::vector<std::string> texts = paraphrases(task);
    texts.emplace_back(canonical_question(task));
    for (uint64_t position = 0; position < 300; ++position) {
      Rng rng(9, static_cast<uint64_t>(index), position);
      const Truth truth = random_truth(task, rng);
      texts.push_back(thinking_for(task, truth));
      texts.push_back(surrogate_thinking_for(task, truth));
      texts.push_back(answer_for(task, truth));
    }
    for (const std::string& text : texts)
      for (const std::string& word : pieces(text)) EXPECT_TRUE(known.contains(word)) << word;
  }
  for (const Split split : {Split::kTrain, Split::kTest})
    for (uint64_t index = 0; index < 2000; ++index) {
      const TextExample text = text_example(split, 9, index);
      for (const std::string& part : {text.question, text.thinking, text.answer})
        for (const std::string& word : pieces(part))
          // Made-up words are as many as the syllables allow; a twin's tally is of numbers.
          EXPECT_TRUE(known.contains(word) || text.task == "strings") << word;
    }
  EXPECT_EQ(text_corpus(50, CorpusTexts::kAll), text_corpus(50, CorpusTexts::kAll));
}

// The tokenizer of models/tiny is learned from these: they must not change.
TEST(TextCorpus, OfTheFirstTasksHasNothingElse) {
  const std::vector<std::string> texts = text_corpus(9, CorpusTexts::kFirstTasks);
  ASSERT_EQ(texts.size(), 27U);
  for (size_t task = 0; task < 9; ++task) {
    Rng rng(0, 0, task);
    const Truth truth = random_truth(static_cast<Task>(task), rng);
    EXPECT_EQ(texts[3 * task], question_for(static_cast<Task>(task), 0.5, rng.next()));
    EXPECT_EQ(texts[3 * task + 1], thinking_for(static_cast<Task>(task), truth));
  }
  for (const std::string& text : text_corpus(2000, CorpusTexts::kFirstTasks)) {
    EXPECT_EQ(text.find("The text lists"), std::string::npos);
    EXPECT_EQ(text.find("beat"), std::string::npos);
  }
}

}  // namespace
}  // namespace stapes::world
