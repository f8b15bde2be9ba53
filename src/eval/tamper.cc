#include "eval/tamper.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "reward/claim_check.h"
#include "reward/claims.h"
#include "world/notes.h"

namespace stapes {
namespace {

using reward::Claim;
using reward::ClaimKind;

struct Change {
  std::string value;   // in place of the claim's
  world::Truth truth;  // as the changed claim has it
  std::string answer;
};

bool has_single_highest(const world::Truth& truth) {
  int highest = 0, count = 0;
  for (const world::Event& event : truth.events) {
    if (event.midi_note > highest) count = 0;
    highest = std::max(highest, event.midi_note);
    count += event.midi_note == highest ? 1 : 0;
  }
  return count == 1;
}

// All ways to change the claim that change the answer.
class Changes {
 public:
  Changes(const std::string& thinking, world::Task task, const world::Truth& truth)
      : thinking_(thinking), task_(task), truth_(truth) {
    answer_ = world::answer_for(task, truth);
  }

  std::vector<Change> of(const Claim& claim) {
    found_.clear();
    switch (claim.kind) {
      case ClaimKind::kDigit:
        for (int digit = 0; digit <= 9; ++digit)
          change_event(claim, std::to_string(digit),
                       [&](world::Event& event) { event.digit = digit; });
        break;
      case ClaimKind::kNote:
        for (const int note : world::kPitches)
          change_event(claim, world::note_name(note),
                       [&](world::Event& event) { event.midi_note = note; });
        break;
      case ClaimKind::kSpeaker:
        for (const char* speaker : world::kDigitSpeakers)
          change_event(claim, speaker, [&](world::Event& event) { event.speaker = speaker; });
        break;
      case ClaimKind::kCourse:
        if (claim.property == reward::Property::kLoudness) change_loudness(claim);
        break;
      case ClaimKind::kCount:
        change_count(claim);
        break;
      default:
        break;
    }
    return std::move(found_);
  }

 private:
  template <typename Set>
  void change_event(const Claim& claim, const std::string& value, const Set& set) {
    if (claim.place < 1 || static_cast<size_t>(claim.place) > truth_.events.size()) return;
    world::Truth changed = truth_;
    set(changed.events[static_cast<size_t>(claim.place) - 1]);
    if (task_ == world::Task::kHighestNote && !has_single_highest(changed)) return;
    add(value, changed, world::answer_for(task_, changed));
  }

  // In the words of the claim: "rises" becomes "falls", "louder" "softer".
  void change_loudness(const Claim& claim) {
    struct Pair {
      std::string_view rising, falling;
    };
    static constexpr std::array<Pair, 5> kPairs = {{{"rises", "falls"},
                                                    {"rising", "falling"},
                                                    {"louder", "softer"},
                                                    {"louder", "quieter"},
                                                    {"up", "down"}}};
    const std::string_view value =
        std::string_view(thinking_).substr(claim.value_begin, claim.value_end - claim.value_begin);
    for (const auto& [rising, falling] : kPairs) {
      if (value != rising && value != falling) continue;
      world::Truth changed = truth_;
      changed.loudness_trend = value == rising ? -1 : 1;
      add(std::string(value == rising ? falling : rising), changed,
          world::answer_for(task_, changed));
      return;
    }
  }

  void change_count(const Claim& claim) {
    if (task_ != world::Task::kCountDigits && task_ != world::Task::kCountNotes &&
        task_ != world::Task::kCountBeats)
      return;
    const auto count = static_cast<int>(claim.number);
    for (const int other : {count - 1, count + 1})
      if (other >= 1) add(std::to_string(other), truth_, std::to_string(other));
  }

  void add(const std::string& value, const world::Truth& truth, const std::string& answer) {
    if (answer != answer_) found_.push_back({value, truth, answer});
  }

  const std::string& thinking_;
  world::Task task_;
  const world::Truth& truth_;
  std::string answer_;
  std::vector<Change> found_;
};

}  // namespace

std::optional<TamperedThought> tamper_thought(const std::string& thinking, world::Task task,
                                              const world::Truth& truth, uint64_t seed) {
  const std::vector<Claim> claims = reward::parse_claims(thinking);
  const reward::Evidence evidence = {reward::facts_of(truth)};
  std::vector<TamperedThought> possible;
  Changes changes(thinking, task, truth);
  for (const Claim& claim : claims) {
    // Behind a claim that is not true, what the thought comes to is not known.
    if (reward::check_claim(claim, evidence).verdict != reward::Verdict::kTrue) break;
    if (claim.denied) continue;
    for (const Change& change : changes.of(claim))
      possible.push_back({thinking.substr(0, claim.value_begin) + change.value, change.answer});
  }
  if (possible.empty()) return std::nullopt;
  return Rng(seed).pick(possible);
}

}  // namespace stapes
