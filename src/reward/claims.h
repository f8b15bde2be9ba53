// What a chain of thought says about its sound, taken apart into claims that can be true or false.
//
// Two kinds of wording are understood: the lists that the small model thinks in ("First I hear 3,
// second 7.", "First E4; second G4, up, 1.", "First -12 dB, second 0 dB. The loudness rises."), and
// free phrases ("the pitch falls", "three beeps", "it gets louder", "about 120 bpm", "a pause of
// one second", "the second note is higher than the first"). What a question, a condition or a
// quotation says is no claim ("does it rise or fall?", "if the pitch fell"); what is denied is a
// claim that is denied ("the pitch does not fall", "no pauses").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audio/measure/pitch.h"

namespace stapes::reward {

// What a claim is about. `place` and `other_place` count events (digits, notes, beats, sounds) from
// 1.
enum class ClaimKind : uint8_t {
  kDigit,       // the event at `place` is the spoken digit `number`
  kDigits,      // the digits `digits` are heard in this order (one alone: among others)
  kSpeaker,     // the event at `place` is spoken by `name`
  kSameVoice,   // the event at `place` has the voice of the first one
  kOneVoice,    // one voice speaks all
  kNote,        // the event at `place` (0: any) is the note `name`, "C4"
  kStep,        // from the event before to that at `place` the pitch goes: `course`
  kLevel,       // the event at `place` lies `number` dB from the loudest one
  kCount,       // there are `number` things called `name` ("note", "beep", "digit", "voice", ...)
  kRises,       // the melody rises `number` times from note to note
  kHighest,     // the event at `place` is the highest
  kCompare,     // the event at `place` has more (course kRises) or less (kFalls) of `property`
                // than that at `other_place`
  kCourse,      // `property` goes: `course`
  kPitchHz,     // something has a pitch of `number` Hz
  kTempo,       // `number` beats per minute
  kPause,       // there is a pause; of `number` seconds where that is not 0
  kDuration,    // the recording lasts `number` seconds
  kTimbre,      // the sound is that of `name` ("flute")
  kNoise,       // there is noise in the background
  kImpression,  // a perception without a measure: "a male voice", "a bright sound", "fast"
};
const char* name(ClaimKind kind);  // "digit", "same-voice", ...

enum class Property : uint8_t {
  kNone,
  kPitch,
  kFinalPitch,  // of the end
  kLoudness,
  kTempo,
  kBrightness,
  kLength,
  kNumbers,  // the values of what is said: words, and no sound
};

inline constexpr int kLastPlace = -1;

struct Claim {
  ClaimKind kind = ClaimKind::kImpression;
  size_t begin = 0, end = 0;              // of the phrase: bytes in the thought
  size_t value_begin = 0, value_end = 0;  // of the part that says what: "7", "falls"
  bool denied = false;                    // the thought says that it is not so
  bool rough = false;                     // "about", "around", "some"
  bool partial = false;  // kCourse: of a part of the clip ("at first", "the second voice's pitch")
  int place = 0, other_place = 0;  // kLastPlace: the last event
  double number = 0;
  std::string name = {};
  std::vector<int> digits = {};
  Property property = Property::kNone;
  Course course = Course::kNone;
};

// In the order of the text. Any bytes are read; sentences of more than 400 words are not.
std::vector<Claim> parse_claims(std::string_view thought);

}  // namespace stapes::reward
