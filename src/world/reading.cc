// The thoughts of a reader: what a twin's reference thought says, and on a clip a surrogate,
// because nobody gave a text. Worded so that reward/grounding_rules.h finds them out.
#include "base/check.h"
#include "base/fail.h"
#include "world/notes.h"
#include "world/steps.h"
#include "world/text_twins.h"
#include "world/world.h"

namespace stapes::world {
namespace {

// "3", "3 and 7", "3, 7 and 1"
std::string listing(const std::vector<std::string>& items) {
  std::string text = items.front();
  for (size_t i = 1; i < items.size(); ++i)
    text += (i + 1 == items.size() ? " and " : ", ") + items[i];
  return text;
}

std::string read_items(Task task, const Truth& truth) {
  return fmt::format("The text lists {}.", listing(symbols_of(task, truth)));
}

// "E4 to G4 is up, 1. G4 to D4 is down, 1."
std::string read_rises(const Events& events) {
  std::string text;
  for (size_t i = 1; i < events.size(); ++i) {
    const int from = events[i - 1].midi_note, to = events[i].midi_note;
    text += fmt::format("{}{} to {} is {}, {}.", i == 1 ? "" : " ", note_name(from), note_name(to),
                        to > from   ? "up"
                        : to < from ? "down"
                                    : "the same",
                        rises_until(events, i));
  }
  return text;
}

// "E4 < G4, so G4 2. G4 > D4, so G4 2."
std::string read_highest(const Events& events) {
  std::string text;
  for (size_t i = 1; i < events.size(); ++i) {
    const int before = events[highest_until(events, i - 1)].midi_note, next = events[i].midi_note;
    const size_t best = highest_until(events, i);
    text += fmt::format("{}{} {} {}, so {} {}.", i == 1 ? "" : " ", note_name(before),
                        before < next   ? '<'
                        : before > next ? '>'
                                        : '=',
                        note_name(next), note_name(events[best].midi_note), best + 1);
  }
  return text;
}

const char* way(int trend) {
  return trend > 0 ? "go up" : trend < 0 ? "go down" : "stay the same";
}

}  // namespace

std::string surrogate_thinking_for(Task task, const Truth& truth) {
  require_events_of(task, truth);
  const Events& events = truth.events;
  // A tally is no list of things that are written there.
  if (task == Task::kCountBeats)
    return fmt::format("Reading the text: {}. That makes {}.", tally(events.size()),
                       counted(events.size(), "beat"));
  const std::string items = read_items(task, truth);
  switch (task) {
    case Task::kTranscribe:
      return items;
    case Task::kCountDigits:
      return fmt::format("{} That makes {}.", items, counted(events.size(), "digit"));
    case Task::kSum:
      return items + " " + running_sum(events);
    case Task::kLargest:
      return items + " " + running_maximum(events);
    case Task::kSameSpeaker:
      return items + (one_speaker(events) ? " The names are the same." : " The names differ.");
    case Task::kCountNotes:
      return fmt::format("{} That makes {}.", items, counted(events.size(), "note"));
    case Task::kCountRises:
      return items + " " + read_rises(events);
    case Task::kHighestNote:
      return items + " " + read_highest(events);
    case Task::kLoudness:
      return fmt::format("{} The levels {}.", items, way(truth.loudness_trend));
    case Task::kConflict:
      return fmt::format("{} The numbers {}.", items, way(truth.number_trend));
    case Task::kCountBeats:
      break;
  }
  STAPES_CHECK(false, "task {}", static_cast<int>(task));
  return {};
}

std::string surrogate_answer_for(Task task, const Truth& truth) {
  if (task != Task::kConflict) return answer_for(task, truth);
  require_events_of(task, truth);
  return truth.number_trend > 0 ? "rise" : "fall";
}

}  // namespace stapes::world
