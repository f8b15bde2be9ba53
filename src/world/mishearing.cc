// Thoughts that go wrong in the way in which real ones do: one thing is heard as another, and all
// that follows is concluded rightly from it.
#include <algorithm>

#include "base/rng.h"
#include "world/steps.h"
#include "world/world.h"

namespace stapes::world {
namespace {

bool counts_events(Task task) {
  return task == Task::kCountDigits || task == Task::kCountNotes || task == Task::kCountBeats;
}

// Up or down by one to four semitones: so that the melody's course may turn.
int another_note(int note, Rng& rng) {
  const int step = static_cast<int>(rng.integer(1, 4));
  return rng.chance(0.5) ? note + step : note - step;
}

std::string another_speaker(const std::string& speaker, Rng& rng) {
  std::string other = speaker;
  while (other == speaker) other = rng.pick(kDigitSpeakers);
  return other;
}

// What got louder gets softer. The levels stand in the order in which they are thought of.
void turn_course(Truth& truth) {
  if (truth.loudness_trend == 0) return;
  for (size_t i = 0, j = truth.events.size(); i + 1 < j; ++i)
    std::swap(truth.events[i].level_db, truth.events[--j].level_db);
  truth.loudness_trend = -truth.loudness_trend;
}

}  // namespace

Truth misheard(Task task, const Truth& truth, uint64_t seed) {
  Truth heard = truth;
  if (heard.events.empty()) return heard;
  Rng rng(seed, 0x68656172 /* "hear" */);
  const auto which =
      static_cast<size_t>(rng.integer(0, static_cast<int64_t>(heard.events.size()) - 1));
  Event& event = heard.events[which];
  if (task == Task::kLoudness || task == Task::kConflict)
    turn_course(heard);
  else if (counts_events(task) && heard.events.size() > 1)
    heard.events.erase(heard.events.begin() + static_cast<std::ptrdiff_t>(which));
  else if (task == Task::kSameSpeaker)
    event.speaker = another_speaker(event.speaker, rng);
  else if (event.digit >= 0)
    event.digit = (event.digit + static_cast<int>(rng.integer(1, 9))) % 10;
  else if (event.midi_note >= 0)
    event.midi_note = another_note(event.midi_note, rng);
  return heard;
}

}  // namespace stapes::world
