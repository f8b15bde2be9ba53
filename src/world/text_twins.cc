#include "world/text_twins.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"
#include "world/notes.h"
#include "world/plain_texts.h"
#include "world/random_truth.h"
#include "world/steps.h"

namespace stapes::world {
namespace {

constexpr std::array<const char*, 10> kDigitWords = {"zero", "one", "two",   "three", "four",
                                                     "five", "six", "seven", "eight", "nine"};

std::string in_words(const Events& events, const char* separator) {
  std::vector<std::string> words;
  for (const Event& event : events)
    words.emplace_back(kDigitWords[static_cast<size_t>(event.digit)]);
  return fmt::format("{}", fmt::join(words, separator));
}

std::string speakers_and_digits(const Events& events, const char* between, const char* separator,
                                bool words) {
  std::vector<std::string> items;
  for (const Event& event : events)
    items.push_back(event.speaker + between +
                    (words ? std::string(kDigitWords[static_cast<size_t>(event.digit)])
                           : std::to_string(event.digit)));
  return fmt::format("{}", fmt::join(items, separator));
}

std::string digits_as_text(Task task, const Truth& truth, Rng& rng) {
  const std::vector<std::string> digits = symbols_of(Task::kTranscribe, truth);
  switch (rng.integer(0, 3)) {
    case 0:
      return fmt::format("The text says: {}.",
                         task == Task::kSameSpeaker
                             ? speakers_and_digits(truth.events, " ", ", ", true)
                             : in_words(truth.events, ", "));
    case 1:
      return fmt::format("Transcript: {}",
                         task == Task::kSameSpeaker
                             ? speakers_and_digits(truth.events, ": ", "; ", false)
                             : fmt::format("{}", fmt::join(digits, " ")));
    case 2:
      return fmt::format("Digits: {}", task == Task::kSameSpeaker
                                           ? speakers_and_digits(truth.events, " ", ", ", false)
                                           : fmt::format("{}", fmt::join(digits, ", ")));
    default:
      return fmt::format("The transcript reads: {}",
                         task == Task::kSameSpeaker
                             ? speakers_and_digits(truth.events, ": ", "; ", true)
                             : in_words(truth.events, " "));
  }
}

std::string notes_as_text(const Truth& truth, Rng& rng) {
  const std::vector<std::string> notes = symbols_of(Task::kCountNotes, truth);
  switch (rng.integer(0, 2)) {
    case 0:
      return fmt::format("Notes: {}", fmt::join(notes, " "));
    case 1:
      return fmt::format("The score shows {}.", fmt::join(notes, ", "));
    default:
      return fmt::format("The text says: {}.", fmt::join(notes, ", "));
  }
}

std::string levels_as_text(const Truth& truth, Rng& rng) {
  const std::vector<std::string> levels = symbols_of(Task::kLoudness, truth);
  return rng.chance(0.5) ? fmt::format("Levels: {}", fmt::join(levels, ", "))
                         : fmt::format("The text says: {}.", fmt::join(levels, ", "));
}

std::string beats_as_text(const Truth& truth, Rng& rng) {
  static constexpr std::array<const char*, 3> kMarks = {"x", "tick", "|"};
  const std::vector<std::string> marks(truth.events.size(), rng.pick(kMarks));
  return rng.chance(0.5) ? fmt::format("Beats: {}", fmt::join(marks, " "))
                         : fmt::format("The text says: {}", fmt::join(marks, " "));
}

std::string clip_as_text(Task task, const Truth& truth, Rng& rng) {
  if (is_speech_task(task)) return digits_as_text(task, truth, rng);
  if (task == Task::kCountBeats) return beats_as_text(truth, rng);
  return task == Task::kLoudness ? levels_as_text(truth, rng) : notes_as_text(truth, rng);
}

// What a twin can be asked about: of one digit alone "the same person" would always be right.
Truth twin_truth(Task task, Rng& rng) {
  Truth truth = random_truth(task, rng);
  while (task == Task::kSameSpeaker && truth.events.size() < 2) truth = random_truth(task, rng);
  return truth;
}

void set_answer(TextExample& example, Task task, const Truth& truth) {
  example.answer = surrogate_answer_for(task, truth);
  switch (task) {
    case Task::kTranscribe:
      example.answer_kind = "normalized";
      break;
    case Task::kSameSpeaker:
      example.answer_kind = "choice";
      example.choices = {"yes", "no"};
      break;
    case Task::kLoudness:
      example.answer_kind = "choice";
      example.choices = {"rise", "fall", "steady"};
      break;
    case Task::kConflict:
      example.answer_kind = "choice";
      example.choices = {"rise", "fall"};
      break;
    default:
      example.answer_kind = "number";
  }
}

TextExample twin_example(Task task, Rng& rng) {
  constexpr double kParaphraseShare = 0.5;
  const Truth truth = twin_truth(task, rng);
  TextExample example;
  example.question =
      clip_as_text(task, truth, rng) + "\n" + question_for(task, kParaphraseShare, rng.next());
  example.thinking = surrogate_thinking_for(task, truth);
  set_answer(example, task, truth);
  return example;
}

uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0;
  for (const char c : text) hash = mix64(hash ^ static_cast<unsigned char>(c));
  return hash;
}

// Every fifth question is for testing, whatever seed and index it comes from.
Split split_of(const std::string& question) {
  return hash_of(question) % 5 == 0 ? Split::kTest : Split::kTrain;
}

size_t place_of(const std::string& task) {
  const auto& tasks = text_tasks();
  const auto found = std::ranges::find(tasks, task);
  if (found == tasks.end())
    fail(ErrorCode::kUsage, "expected a text task ({}), got \"{}\"", fmt::join(tasks, ", "), task);
  return static_cast<size_t>(found - tasks.begin());
}

}  // namespace

std::string twin_name(Task task) {
  return fmt::format("text-{}", name(task));
}

const std::vector<std::string>& text_tasks() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (int task = 0; task < kTaskCount; ++task)
      names.push_back(twin_name(static_cast<Task>(task)));
    for (const PlainTextTask& task : plain_text_tasks()) names.emplace_back(task.name);
    return names;
  }();
  return kNames;
}

void require_text_task(const std::string& name) {
  place_of(name);
}

bool is_text_task(const std::string& name) {
  return std::ranges::count(text_tasks(), name) > 0;
}

std::vector<std::string> symbols_of(Task task, const Truth& truth) {
  std::vector<std::string> symbols;
  if (task == Task::kLoudness) {
    for (const int level : levels_below_loudest_db(truth.events))
      symbols.push_back(fmt::format("{} dB", level));
    return symbols;
  }
  for (const Event& event : truth.events) {
    if (task == Task::kSameSpeaker)
      symbols.push_back(event.speaker);
    else if (event.digit >= 0)
      symbols.push_back(std::to_string(event.digit));
    else
      symbols.push_back(event.midi_note >= 0 ? note_name(event.midi_note) : "x");
  }
  return symbols;
}

TextExample text_example(const std::string& task, Split split, uint64_t seed, uint64_t index) {
  constexpr int kMostTries = 10'000;
  const size_t place = place_of(task);
  // By name, so that tasks that are added later change nothing here.
  Rng rng(seed, hash_of(task) ^ static_cast<uint64_t>(split), index);
  for (int turn = 0; turn < kMostTries; ++turn) {
    TextExample example = place < kTaskCount ? twin_example(static_cast<Task>(place), rng)
                                             : plain_text_tasks()[place - kTaskCount].make(rng);
    example.task = task;
    if (split_of(example.question) == split) return example;
  }
  STAPES_CHECK(false, "the text task {} has no question for this split", task);
  return {};
}

TextExample text_example(Split split, uint64_t seed, uint64_t index) {
  const auto& tasks = text_tasks();
  return text_example(tasks[index % tasks.size()], split, seed, index / tasks.size());
}

}  // namespace stapes::world
