#include "world/steps.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace stapes::world {

std::string counted(size_t count, const char* thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string running_sum(const Events& events) {
  int sum = events[0].digit;
  if (events.size() == 1) return fmt::format("The sum is {}.", sum);
  std::string text;
  for (size_t i = 1; i < events.size(); ++i) {
    const int next = sum + events[i].digit;
    text += fmt::format("{}{} + {} = {}.", i == 1 ? "" : " ", sum, events[i].digit, next);
    sum = next;
  }
  return text;
}

std::string running_maximum(const Events& events) {
  int best = events[0].digit;
  if (events.size() == 1) return fmt::format("The largest is {}.", best);
  std::string text;
  for (size_t i = 1; i < events.size(); ++i) {
    const int digit = events[i].digit;
    const char sign = best < digit ? '<' : best > digit ? '>' : '=';
    const int next = std::max(best, digit);
    text += fmt::format("{}{} {} {}, so {}.", i == 1 ? "" : " ", best, sign, digit, next);
    best = next;
  }
  return text;
}

std::string tally(size_t count) {
  std::string text = "1";
  for (size_t number = 2; number <= count; ++number) text += fmt::format(", {}", number);
  return text;
}

bool one_speaker(const Events& events) {
  return std::all_of(events.begin(), events.end(),
                     [&](const Event& event) { return event.speaker == events[0].speaker; });
}

size_t rises_until(const Events& events, size_t last) {
  size_t rises = 0;
  for (size_t i = 1; i <= last; ++i) rises += events[i].midi_note > events[i - 1].midi_note ? 1 : 0;
  return rises;
}

size_t highest_until(const Events& events, size_t last) {
  size_t best = 0;
  for (size_t i = 1; i <= last; ++i)
    if (events[i].midi_note > events[best].midi_note) best = i;
  return best;
}

std::vector<int> levels_below_loudest_db(const Events& events) {
  constexpr double kStepDb = 3;
  double loudest_db = events[0].level_db;
  for (const Event& event : events) loudest_db = std::max(loudest_db, event.level_db);
  std::vector<int> levels;
  for (const Event& event : events)
    levels.push_back(-static_cast<int>(std::lround((loudest_db - event.level_db) / kStepDb) *
                                       std::lround(kStepDb)));
  return levels;
}

void require_events_of(Task task, const Truth& truth) {
  const ClipKind wanted = clip_kind(task);
  if (truth.events.empty() || truth.kind() != wanted)
    fail(ErrorCode::kUsage, "the task {} needs a clip of {}, got one of {}", name(task),
         name(wanted), truth.events.empty() ? "nothing" : name(truth.kind()));
  if (task == Task::kConflict && (truth.loudness_trend == 0 || truth.number_trend == 0))
    fail(ErrorCode::kUsage,
         "the task {} needs digits whose values and whose loudness rise or fall, got others",
         name(task));
}

}  // namespace stapes::world
