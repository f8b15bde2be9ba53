#include "reward/claim_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "audio/measure/describe.h"
#include "world/notes.h"

namespace stapes::reward {
namespace {

using Event = Facts::Event;

// True, false, or neither; and why.
struct Finding {
  std::optional<bool> holds;
  std::string reason;
};
Finding unknown(std::string reason) {
  return {std::nullopt, std::move(reason)};
}
// Right within one bound, wrong beyond the other.
Finding within(double distance, double right, double wrong, std::string reason) {
  if (distance <= right) return {true, std::move(reason)};
  if (distance > wrong) return {false, std::move(reason)};
  return {std::nullopt, "between right and wrong: " + reason};
}

double semitones_between(double a_hz, double b_hz) {
  return 12 * std::log2(a_hz / b_hz);
}

// The named event, or why there is none.
const Event* event_at(const Facts& facts, int place, Finding& missing) {
  if (place == kLastPlace && !facts.events.empty()) return &facts.events.back();
  if (place >= 1 && static_cast<size_t>(place) <= facts.events.size())
    return &facts.events[static_cast<size_t>(place) - 1];
  const std::string sentence = fmt::format("there are only {} {}s", facts.events.size(),
                                           facts.event_name.empty() ? "sound" : facts.event_name);
  // Sounds may be joined or cut where they are measured, so a place beyond them proves nothing.
  missing = facts.exact ? Finding{false, sentence} : unknown(sentence);
  return nullptr;
}

// Places are counted in the world's events; a measured sound may be half a word.
std::optional<Finding> places_unknown(const Facts& facts) {
  if (facts.exact) return std::nullopt;
  return unknown("which sound is meant is certain in the world's own clips only");
}

Finding check_digit(const Claim& claim, const Facts& facts) {
  if (facts.event_name != "digit")
    return facts.exact ? Finding{false, "no digits are spoken"} : unknown("words are not measured");
  Finding missing;
  const Event* event = event_at(facts, claim.place, missing);
  if (event == nullptr) return missing;
  return {event->digit == claim.number, fmt::format("digit {} is {}", claim.place, event->digit)};
}

Finding check_digits(const Claim& claim, const Facts& facts) {
  if (facts.event_name != "digit")
    return facts.exact ? Finding{false, "no digits are spoken"} : unknown("words are not measured");
  std::vector<int> spoken;
  for (const Event& event : facts.events) spoken.push_back(event.digit);
  const std::string reason = fmt::format("the digits are {}", fmt::join(spoken, " "));
  if (claim.digits.size() == 1) return {std::ranges::count(spoken, claim.digits[0]) > 0, reason};
  return {spoken == claim.digits, reason};
}

Finding check_speaker(const Claim& claim, const Facts& facts) {
  if (facts.event_name != "digit")
    return facts.exact ? Finding{false, "nobody speaks"} : unknown("voices are not told apart");
  Finding missing;
  const Event* event = event_at(facts, claim.place, missing);
  if (event == nullptr) return missing;
  if (claim.kind == ClaimKind::kSpeaker)
    return {event->speaker == claim.name,
            fmt::format("digit {} is spoken by {}", claim.place, event->speaker)};
  const bool same = event->speaker == facts.events[0].speaker;
  return {same, fmt::format("digit {} has {} voice", claim.place, same ? "the first" : "another")};
}

Finding check_one_voice(const Facts& facts) {
  if (facts.event_name != "digit")
    return facts.exact ? Finding{false, "nobody speaks"} : unknown("voices are not told apart");
  const bool one = std::ranges::all_of(
      facts.events, [&](const Event& event) { return event.speaker == facts.events[0].speaker; });
  return {one, one ? "one voice speaks" : "several voices speak"};
}

std::optional<double> note_hz(const std::string& note) {
  static constexpr std::array<int, 7> kFromC = {9, 11, 0, 2, 4, 5, 7};  // A to G
  if (note.size() < 2 || note[0] < 'A' || note[0] > 'G') return std::nullopt;
  const int accidental = note[1] == '#' ? 1 : note[1] == 'b' ? -1 : 0;
  const int octave = note.back() - '0';
  const int midi = 12 * (octave + 1) + kFromC[static_cast<size_t>(note[0] - 'A')] + accidental;
  return world::note_frequency_hz(midi);
}

Finding check_pitch_near(double hz, const Claim& claim, const Facts& facts) {
  constexpr double kRight = 0.6, kWrong = 1.5, kRoughly = 1.0;
  double nearest = 1e9;
  double found_hz = 0;
  const auto look_at = [&](const Event& event) {
    if (event.pitch_hz <= 0) return;
    const double distance = std::abs(semitones_between(event.pitch_hz, hz));
    if (distance >= nearest) return;
    nearest = distance;
    found_hz = event.pitch_hz;
  };
  if (claim.place > 0) {
    if (auto finding = places_unknown(facts)) return *finding;
    Finding missing;
    const Event* event = event_at(facts, claim.place, missing);
    if (event == nullptr) return missing;
    look_at(*event);
  } else {
    std::ranges::for_each(facts.events, look_at);
  }
  if (found_hz <= 0) return unknown("no pitch is known");
  return within(nearest, claim.rough ? kRoughly : kRight, kWrong,
                fmt::format("{} is {:.0f} Hz, {}",
                            claim.place > 0 ? fmt::format("note {}", claim.place)
                                            : std::string("the nearest pitch"),
                            found_hz, nearest_note(found_hz)));
}

Finding check_step(const Claim& claim, const Facts& facts) {
  if (auto finding = places_unknown(facts)) return *finding;
  Finding missing;
  const Event* event = event_at(facts, claim.place, missing);
  const Event* before = event_at(facts, claim.place - 1, missing);
  if (event == nullptr || before == nullptr) return missing;
  if (event->pitch_hz <= 0 || before->pitch_hz <= 0) return unknown("no pitch is known");
  const double step = semitones_between(event->pitch_hz, before->pitch_hz);
  const Course course = step > 0.5    ? Course::kRises
                        : step < -0.5 ? Course::kFalls
                                      : Course::kSteady;
  return {course == claim.course, fmt::format("from {} to {} it goes {:+.0f} semitones",
                                              claim.place - 1, claim.place, step)};
}

Finding check_level(const Claim& claim, const Facts& facts) {
  if (auto finding = places_unknown(facts)) return *finding;
  Finding missing;
  const Event* event = event_at(facts, claim.place, missing);
  if (event == nullptr) return missing;
  double loudest = event->level_db;
  for (const Event& other : facts.events) loudest = std::max(loudest, other.level_db);
  const double level = event->level_db - loudest;
  return within(std::abs(claim.number - level), facts.exact ? 2 : 3, facts.exact ? 4 : 6,
                fmt::format("{} lies {:.1f} dB from the loudest",
                            claim.place == kLastPlace ? std::string("the last event")
                                                      : fmt::format("event {}", claim.place),
                            level));
}

bool counts_events(const Claim& claim, const Facts& facts) {
  static constexpr std::array<std::string_view, 9> kStruck = {
      "pulse", "click", "tap", "knock", "hit", "strike", "stroke", "sound", "event"};
  if (claim.name == facts.event_name) return true;
  if (facts.event_name == "beat") return std::ranges::find(kStruck, claim.name) != kStruck.end();
  if (facts.event_name == "note")
    return claim.name == "tone" || claim.name == "sound" || claim.name == "beep";
  return claim.name == "number" || claim.name == "word" || claim.name == "sound";
}

size_t voices_of(const Facts& facts) {
  std::vector<std::string> speakers;
  for (const Event& event : facts.events) speakers.push_back(event.speaker);
  std::ranges::sort(speakers);
  return static_cast<size_t>(std::ranges::unique(speakers).begin() - speakers.begin());
}

Finding compare_counts(const Claim& claim, double known, bool exact, const std::string& reason) {
  const double distance = std::abs(claim.number - known);
  const double fifth = 0.2 * std::max(known, claim.number);
  if (claim.rough) return within(distance, std::max(1.0, fifth), std::max(1.0, fifth), reason);
  if (exact) return {distance == 0, reason};
  return within(distance, 0, std::max(1.0, fifth), reason);
}

Finding check_count(const Claim& claim, const Facts& facts) {
  static constexpr std::array<std::string_view, 4> kVoices = {"voice", "speaker", "person",
                                                              "instrument"};
  if (claim.name == "pause") {
    if (!facts.pauses) return unknown("pauses are not known");
    return compare_counts(claim, static_cast<double>(facts.pauses->size()), false,
                          fmt::format("there are {} pauses", facts.pauses->size()));
  }
  if (std::ranges::find(kVoices, claim.name) != kVoices.end()) {
    if (facts.event_name == "digit" && claim.name != "instrument")
      return compare_counts(claim, static_cast<double>(voices_of(facts)), true,
                            fmt::format("there are {} voices", voices_of(facts)));
    return unknown("voices are not told apart");
  }
  const auto events = static_cast<double>(facts.events.size());
  if (facts.exact) {
    if (counts_events(claim, facts))
      return compare_counts(claim, events, true,
                            fmt::format("there are {} {}s", events, facts.event_name));
    if ((claim.name == "digit" || claim.name == "note") && claim.number > 0)
      return {false, fmt::format("there are {}s, and no {}s", facts.event_name, claim.name)};
    return unknown(fmt::format("{}s are not among what is known", claim.name));
  }
  static constexpr std::array<std::string_view, 5> kOfSpeech = {"digit", "word", "number",
                                                                "syllable", "step"};
  if (std::ranges::find(kOfSpeech, claim.name) != kOfSpeech.end())
    return unknown("words are not counted by measuring");
  return compare_counts(claim, events, false, fmt::format("{} sounds are found", events));
}

Finding check_rises(const Claim& claim, const Facts& facts) {
  if (!facts.exact || facts.event_name != "note")
    return unknown("steps of a melody are known in the world's clips only");
  int rises = 0;
  for (size_t i = 1; i < facts.events.size(); ++i)
    rises += facts.events[i].pitch_hz > facts.events[i - 1].pitch_hz ? 1 : 0;
  return {claim.number == rises, fmt::format("it rises {} times", rises)};
}

Finding check_highest(const Claim& claim, const Facts& facts) {
  if (auto finding = places_unknown(facts)) return *finding;
  if (facts.event_name != "note") return unknown("no pitch is known");
  Finding missing;
  const Event* event = event_at(facts, claim.place, missing);
  if (event == nullptr) return missing;
  const auto highest = std::ranges::max_element(facts.events, {}, &Event::pitch_hz);
  return {event->pitch_hz == highest->pitch_hz,
          fmt::format("the highest is note {}", highest - facts.events.begin() + 1)};
}

Finding check_compare(const Claim& claim, const Facts& facts) {
  if (auto finding = places_unknown(facts)) return *finding;
  Finding missing;
  const Event* one = event_at(facts, claim.place, missing);
  const Event* other = event_at(facts, claim.other_place, missing);
  if (one == nullptr || other == nullptr) return missing;
  double difference = 0, heard = 1;
  switch (claim.property) {
    case Property::kLoudness:
      difference = one->level_db - other->level_db;
      heard = 1.5;
      break;
    case Property::kPitch:
      if (one->pitch_hz <= 0 || other->pitch_hz <= 0) return unknown("no pitch is known");
      difference = semitones_between(one->pitch_hz, other->pitch_hz);
      heard = 0.5;
      break;
    case Property::kLength:
      difference = std::log(one->span.seconds() / other->span.seconds());
      heard = std::log(1.1);
      break;
    default:
      return unknown("this is not compared");
  }
  const double towards = claim.course == Course::kRises ? difference : -difference;
  const std::string reason = fmt::format("they differ by {:+.2f}", difference);
  if (towards >= heard) return {true, reason};
  // For pitches of the world: the same note is not higher.
  if (towards <= -heard || (facts.exact && claim.property == Property::kPitch))
    return {false, reason};
  return unknown("too small a difference: " + reason);
}

Course known_course(Property property, const Facts& facts) {
  switch (property) {
    case Property::kPitch:
      return facts.pitch;
    case Property::kFinalPitch:
      return facts.final_pitch;
    case Property::kLoudness:
      return facts.loudness;
    case Property::kTempo:
      return facts.tempo_course;
    case Property::kBrightness:
      return facts.brightness;
    case Property::kNumbers:
      return facts.numbers;
    case Property::kNone:
    case Property::kLength:
      return Course::kNone;
  }
  return Course::kNone;
}

Finding check_course(const Claim& claim, const Facts& facts) {
  if (claim.partial) return unknown("it is said of a part of the clip");
  const Course known = known_course(claim.property, facts);
  if (known == Course::kNone) return unknown("this course is not known");
  std::string reason =
      fmt::format("it {}{}", known == Course::kSteady ? "is " : "", stapes::name(known));
  if (known == claim.course) return {true, std::move(reason)};
  if (known == Course::kVaries) return unknown("it goes both ways");
  // "Rises and falls again" of what only rises is wrong; so is any course of what is steady.
  return {false, std::move(reason)};
}

Finding check_tempo(const Claim& claim, const Facts& facts) {
  constexpr double kRight = 0.08;
  if (!facts.beat_bpm)
    return facts.no_beat ? Finding{false, "the sounds keep no beat"} : unknown("no beat is known");
  if (claim.number <= 0) return {false, "a tempo is above 0"};
  double ratio = claim.number / *facts.beat_bpm;
  while (ratio > std::sqrt(2.0)) ratio /= 2;
  while (ratio < std::sqrt(0.5)) ratio *= 2;
  return {std::abs(ratio - 1) <= kRight,
          fmt::format("the beat is {:.0f} bpm, up to doubling", *facts.beat_bpm)};
}

Finding check_pause(const Claim& claim, const Facts& facts) {
  if (!facts.pauses) return unknown("pauses are not known");
  if (claim.number <= 0)
    return {!facts.pauses->empty(), fmt::format("there are {} pauses", facts.pauses->size())};
  double nearest = 1e9, length = 0;
  for (const TimeSpan& pause : *facts.pauses)
    if (std::abs(pause.seconds() - claim.number) < nearest) {
      nearest = std::abs(pause.seconds() - claim.number);
      length = pause.seconds();
    }
  if (facts.pauses->empty()) return {false, "there are no pauses"};
  const double right = std::max(0.15, 0.25 * claim.number);
  return within(nearest, right, right, fmt::format("the nearest pause lasts {:.2f} s", length));
}

Finding check_duration(const Claim& claim, const Facts& facts) {
  if (facts.seconds <= 0) return unknown("the length is not known");
  // "It lasts two seconds" may mean the clip or the sound in it.
  const double sound = facts.events.empty()
                           ? facts.seconds
                           : facts.events.back().span.end_s - facts.events.front().span.start_s;
  const double distance =
      std::min(std::abs(claim.number - facts.seconds), std::abs(claim.number - sound));
  const double right = std::max(0.15, 0.25 * claim.number);
  return within(distance, right, right, fmt::format("it lasts {:.2f} s", facts.seconds));
}

Finding check_timbre(const Claim& claim, const Facts& facts) {
  if (facts.event_name == "digit") return {false, "only voices sound"};
  if (facts.timbre.empty()) return unknown("instruments are not told apart");
  return {claim.name == facts.timbre, "it is " + facts.timbre};
}

Finding check_noise(const Facts& facts) {
  if (!facts.snr_db) return unknown("the noise is not known");
  const double snr = *facts.snr_db;
  if (std::isinf(snr)) return {false, "there is no noise"};
  return within(snr, 30, 50, fmt::format("the noise lies {:.0f} dB below the sound", snr));
}

Finding find(const Claim& claim, const Facts& facts) {
  switch (claim.kind) {
    case ClaimKind::kDigit:
      return check_digit(claim, facts);
    case ClaimKind::kDigits:
      return check_digits(claim, facts);
    case ClaimKind::kSpeaker:
    case ClaimKind::kSameVoice:
      return check_speaker(claim, facts);
    case ClaimKind::kOneVoice:
      return check_one_voice(facts);
    case ClaimKind::kNote:
      if (const auto hz = note_hz(claim.name)) return check_pitch_near(*hz, claim, facts);
      return unknown("no note");
    case ClaimKind::kPitchHz:
      if (claim.number <= 0) return {false, "a pitch is above 0 Hz"};
      return check_pitch_near(claim.number, claim, facts);
    case ClaimKind::kStep:
      return check_step(claim, facts);
    case ClaimKind::kLevel:
      return check_level(claim, facts);
    case ClaimKind::kCount:
      return check_count(claim, facts);
    case ClaimKind::kRises:
      return check_rises(claim, facts);
    case ClaimKind::kHighest:
      return check_highest(claim, facts);
    case ClaimKind::kCompare:
      return check_compare(claim, facts);
    case ClaimKind::kCourse:
      return check_course(claim, facts);
    case ClaimKind::kTempo:
      return check_tempo(claim, facts);
    case ClaimKind::kPause:
      return check_pause(claim, facts);
    case ClaimKind::kDuration:
      return check_duration(claim, facts);
    case ClaimKind::kTimbre:
      return check_timbre(claim, facts);
    case ClaimKind::kNoise:
      return check_noise(facts);
    case ClaimKind::kImpression:
      return unknown("an impression without a measure");
  }
  return unknown("of no known kind");
}

}  // namespace

const char* name(Verdict verdict) {
  return verdict == Verdict::kTrue ? "true" : verdict == Verdict::kFalse ? "false" : "uncheckable";
}

Verdict check_claim(const Claim& claim, const Facts& facts, std::string& reason) {
  Finding finding = find(claim, facts);
  reason = std::move(finding.reason);
  if (!finding.holds) return Verdict::kUncheckable;
  return *finding.holds != claim.denied ? Verdict::kTrue : Verdict::kFalse;
}

CheckedClaim check_claim(const Claim& claim, const Evidence& evidence) {
  CheckedClaim checked{claim, Verdict::kUncheckable, "nothing is known about the clip"};
  for (const Facts& facts : evidence) {
    checked.verdict = check_claim(claim, facts, checked.reason);
    if (checked.verdict != Verdict::kUncheckable) break;
  }
  return checked;
}

std::vector<CheckedClaim> check_claims(std::span<const Claim> claims, const Evidence& evidence) {
  std::vector<CheckedClaim> checked;
  for (const Claim& claim : claims) checked.push_back(check_claim(claim, evidence));
  return checked;
}

}  // namespace stapes::reward
