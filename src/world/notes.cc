#include "world/notes.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace stapes::world {

double note_frequency_hz(int midi_note, double cents) {
  return 440.0 * std::exp2((midi_note - 69 + cents / 100.0) / 12.0);
}

std::string note_name(int midi_note) {
  static constexpr std::array<const char*, 12> kNames = {"C",  "C#", "D",  "D#", "E",  "F",
                                                         "F#", "G",  "G#", "A",  "A#", "B"};
  STAPES_CHECK(midi_note >= 0 && midi_note <= 127, "MIDI note {}", midi_note);
  return kNames[static_cast<size_t>(midi_note % 12)] + std::to_string(midi_note / 12 - 1);
}

size_t pitch_index(int midi_note) {
  const auto found = std::find(kPitches.begin(), kPitches.end(), midi_note);
  STAPES_CHECK(found != kPitches.end(), "note {} is not in the scale", midi_note);
  return static_cast<size_t>(found - kPitches.begin());
}

}  // namespace stapes::world
