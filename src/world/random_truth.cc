#include "world/random_truth.h"

#include "world/melody.h"
#include "world/questions.h"

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

Truth random_truth(Task task, Rng& rng) {
  return is_speech_task(task) ? random_speech_truth(4, rng) : plan_melody(8, rng);
}

std::vector<std::string> text_corpus(int samples) {
  std::vector<std::string> texts;
  for (int i = 0; i < samples; ++i) {
    const auto position = static_cast<uint64_t>(i);
    const auto task = static_cast<Task>(i % kTaskCount);
    Rng rng(0, 0, position);
    const Truth truth = random_truth(task, rng);
    texts.push_back(question_for(task, 0.5, rng.next()));
    texts.push_back(thinking_for(task, truth));
    texts.push_back(answer_for(task, truth));
  }
  return texts;
}

}  // namespace stapes::world
