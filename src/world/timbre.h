// What notes sound like: oscillators, and sampled instruments where they are available.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "world/notes.h"

namespace stapes::world {

class SampledInstruments;

// One note's raw wave, without envelope and at no particular level.
struct NoteRequest {
  size_t timbre = 0;   // index into Timbres::names()
  int midi_note = 60;  // one of kPitches
  double cents = 0;    // detuning, within +-50
  size_t samples = 0;  // 16 kHz
};

class Timbres {
 public:
  // Throws kUnsupported if sampled instruments are wanted and this build or machine has none.
  explicit Timbres(bool sampled_instruments);
  ~Timbres();

  const std::vector<std::string>& names() const { return names_; }
  std::vector<float> note(const NoteRequest& request, Rng& rng) const;

  static constexpr size_t kOscillatorCount = 7;

 private:
  using Wavetable = std::vector<float>;  // one period, band-limited for its pitch

  std::vector<float> wavetable_note(const NoteRequest& request) const;

  std::vector<std::string> names_;
  std::vector<std::array<Wavetable, kPitches.size()>>
      tables_;  // [timbre][pitch]; empty for plucked
  std::unique_ptr<const SampledInstruments> sampled_;
};

}  // namespace stapes::world
