// Reference thinking and answers. Every step of a thought needs only the step before it and one
// event of the sound, so that a small model can learn each step on its own; ordinals point to the
// events. The lists of heard digits and of heard notes are worded alike in all tasks that use them.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/fail.h"
#include "world/notes.h"
#include "world/steps.h"
#include "world/world.h"

namespace stapes::world {
namespace {

const char* ordinal(size_t index) {
  static constexpr std::array<const char*, 8> kWords = {"first", "second", "third",   "fourth",
                                                        "fifth", "sixth",  "seventh", "eighth"};
  STAPES_CHECK(index < kWords.size(), "event {}", index);
  return kWords[index];
}

// "First I hear 3, second 7, third 1."
std::string heard_digits(const Events& events) {
  std::string text = fmt::format("First I hear {}", events[0].digit);
  for (size_t i = 1; i < events.size(); ++i)
    text += fmt::format(", {} {}", ordinal(i), events[i].digit);
  return text + ".";
}

// "First I hear george; second george, the same voice; third theo, another voice. The voices
// differ." To name a voice is one step of hearing, to compare two names one step of reading; a
// small model that had to compare unnamed voices in one step learned nothing.
std::string heard_voices(const Events& events) {
  std::string text = "First I hear " + events[0].speaker;
  for (size_t i = 1; i < events.size(); ++i)
    text += fmt::format("; {} {}, {} voice", ordinal(i), events[i].speaker,
                        events[i].speaker == events[0].speaker ? "the same" : "another");
  return text + (one_speaker(events) ? ". The voice stays the same." : ". The voices differ.");
}

const char* direction(int from_note, int to_note) {
  return to_note > from_note ? "up" : to_note < from_note ? "down" : "same";
}

// "First E4; second G4, up; third D4, down." with `state(i)` after each note.
template <typename State>
std::string heard_notes(const Events& events, const State& state) {
  std::string text;
  for (size_t i = 0; i < events.size(); ++i) {
    const std::string note = note_name(events[i].midi_note);
    if (i == 0)
      text = "First " + note;
    else
      text += fmt::format("; {} {}, {}", ordinal(i), note,
                          direction(events[i - 1].midi_note, events[i].midi_note));
    text += state(i);
  }
  return text + ".";
}

// "First -12 dB, second -6 dB, third 0 dB. The loudness rises.", relative to the loudest note.
std::string heard_loudness(const Events& events, int trend) {
  const std::vector<int> levels = levels_below_loudest_db(events);
  std::string text;
  for (size_t i = 0; i < levels.size(); ++i)
    text += fmt::format("{} {} dB", i == 0 ? "First" : fmt::format(", {}", ordinal(i)), levels[i]);
  return text + (trend > 0   ? ". The loudness rises."
                 : trend < 0 ? ". The loudness falls."
                             : ". The loudness is steady.");
}

// "The first digit has -12 dB, the last 0 dB. It gets louder.", relative to the loudest digit.
std::string heard_course(const Events& events, int trend) {
  const std::vector<int> levels = levels_below_loudest_db(events);
  return fmt::format("The first digit has {} dB, the last {} dB. It gets {}.", levels.front(),
                     levels.back(), trend > 0 ? "louder" : "softer");
}

}  // namespace

std::string thinking_for(Task task, const Truth& truth) {
  require_events_of(task, truth);
  const Events& events = truth.events;
  switch (task) {
    case Task::kTranscribe:
      return heard_digits(events);
    case Task::kCountDigits:
      return fmt::format("{} That makes {}.", heard_digits(events),
                         counted(events.size(), "digit"));
    case Task::kSum:
      return heard_digits(events) + " " + running_sum(events);
    case Task::kLargest:
      return heard_digits(events) + " " + running_maximum(events);
    case Task::kSameSpeaker:
      return heard_voices(events);
    case Task::kCountNotes:
      return fmt::format("{} That makes {}.",
                         heard_notes(events, [](size_t) { return std::string(); }),
                         counted(events.size(), "note"));
    case Task::kCountRises:
      return heard_notes(events,
                         [&](size_t i) { return fmt::format(", {}", rises_until(events, i)); });
    case Task::kHighestNote:
      // The best note is named with its place: else the next comparison would have to look it up.
      return heard_notes(events, [&](size_t i) {
        const size_t best = highest_until(events, i);
        return fmt::format(", best {} {}", note_name(events[best].midi_note), best + 1);
      });
    case Task::kLoudness:
      return heard_loudness(events, truth.loudness_trend);
    case Task::kConflict:
      return heard_course(events, truth.loudness_trend);
    case Task::kCountBeats:
      return fmt::format("{}. That makes {}.", tally(events.size()),
                         counted(events.size(), "beat"));
  }
  STAPES_CHECK(false, "task {}", static_cast<int>(task));
  return {};
}

std::string answer_for(Task task, const Truth& truth) {
  require_events_of(task, truth);
  const Events& events = truth.events;
  std::vector<int> digits;
  for (const Event& event : events) digits.push_back(event.digit);
  switch (task) {
    case Task::kTranscribe:
      return fmt::format("{}", fmt::join(digits, " "));
    case Task::kSum: {
      int sum = 0;
      for (const int digit : digits) sum += digit;
      return std::to_string(sum);
    }
    case Task::kLargest:
      return std::to_string(*std::max_element(digits.begin(), digits.end()));
    case Task::kSameSpeaker:
      return one_speaker(events) ? "yes" : "no";
    case Task::kCountDigits:
    case Task::kCountNotes:
    case Task::kCountBeats:
      return std::to_string(events.size());
    case Task::kCountRises:
      return std::to_string(rises_until(events, events.size() - 1));
    case Task::kHighestNote:
      return std::to_string(highest_until(events, events.size() - 1) + 1);
    case Task::kLoudness:
    case Task::kConflict:
      return truth.loudness_trend > 0 ? "rise" : truth.loudness_trend < 0 ? "fall" : "steady";
  }
  STAPES_CHECK(false, "task {}", static_cast<int>(task));
  return {};
}

}  // namespace stapes::world
