#include "world/random_truth.h"

#include "world/beats.h"
#include "world/conflict.h"
#include "world/melody.h"
#include "world/questions.h"
#include "world/text_twins.h"

namespace stapes::world {

Truth random_speech_truth(int max_digits, Rng& rng) {
  Truth truth;
  const int64_t digits = rng.integer(1, max_digits);
  const bool one_speaker = rng.chance(0.5);
  for (int64_t i = 0; i < digits; ++i) {
    Event& event = truth.events.emplace_back();
    event.digit = static_cast<int>(rng.integer(0, 9));
    event.speaker = one_speaker && i > 0 ? truth.events[0].speaker : rng.pick(kDigitSpeakers);
  }
  return truth;
}

namespace {

Truth random_conflict_truth(Rng& rng) {
  const ConflictPlan plan = plan_conflict({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 4, rng);
  const std::string speaker = rng.pick(kDigitSpeakers);
  Truth truth;
  truth.number_trend = plan.number_trend;
  truth.loudness_trend = plan.loudness_trend;
  for (size_t i = 0; i < plan.digits.size(); ++i) {
    Event& event = truth.events.emplace_back();
    event.digit = plan.digits[i];
    event.speaker = speaker;
    event.level_db = plan.levels_db[i];
  }
  return truth;
}

}  // namespace

Truth random_truth(Task task, Rng& rng) {
  if (task == Task::kConflict) return random_conflict_truth(rng);
  if (task == Task::kCountBeats) return plan_beats(30, rng);
  return is_speech_task(task) ? random_speech_truth(4, rng) : plan_melody(8, rng);
}

namespace {

std::vector<std::string> first_tasks_corpus(int samples) {
  std::vector<std::string> texts;
  for (int i = 0; i < samples; ++i) {
    const auto position = static_cast<uint64_t>(i);
    const auto task = static_cast<Task>(i % kFirstTaskCount);
    Rng rng(0, 0, position);
    const Truth truth = random_truth(task, rng);
    texts.push_back(question_for(task, 0.5, rng.next()));
    texts.push_back(thinking_for(task, truth));
    texts.push_back(answer_for(task, truth));
  }
  return texts;
}

// In turns a text without sound, and a task with the thought about its sound and the surrogate.
std::vector<std::string> whole_corpus(int samples) {
  std::vector<std::string> texts;
  for (int i = 0; i < samples; ++i) {
    const auto position = static_cast<uint64_t>(i / 2);
    if (i % 2 == 1) {
      const TextExample text = text_example(Split::kTrain, 0, position);
      texts.insert(texts.end(), {text.question, text.thinking, text.answer});
      continue;
    }
    const auto task = static_cast<Task>(position % kTaskCount);
    Rng rng(0, 1, position);
    const Truth truth = random_truth(task, rng);
    texts.push_back(question_for(task, 0.5, rng.next()));
    texts.push_back(thinking_for(task, truth));
    texts.push_back(surrogate_thinking_for(task, truth));
    texts.push_back(answer_for(task, truth));
  }
  return texts;
}

}  // namespace

std::vector<std::string> text_corpus(int samples, CorpusTexts which) {
  return which == CorpusTexts::kAll ? whole_corpus(samples) : first_tasks_corpus(samples);
}

}  // namespace stapes::world
