// Notes of real instruments from a General MIDI soundfont, rendered once by fluidsynth.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "world/notes.h"

namespace stapes::world {

class SampledInstruments {
 public:
  // Renders every instrument and pitch. Throws kUnsupported where this build has no fluidsynth or
  // this machine has no soundfont; the message says how to get them.
  SampledInstruments();

  const std::vector<std::string>& names() const { return names_; }
  // instrument: index into names(); midi_note: one of kPitches. Raw wave from the attack on; silent
  // after kRenderedSeconds.
  std::vector<float> note(size_t instrument, int midi_note, double cents, size_t samples) const;

  static constexpr double kRenderedSeconds = 0.6;

 private:
  std::vector<std::string> names_;
  std::vector<std::array<std::vector<float>, kPitches.size()>> waves_;  // [instrument][pitch]
};

}  // namespace stapes::world
