#include "world/sampled_instruments.h"

#include "base/fail.h"
#include "world/mixing.h"

namespace stapes::world {

SampledInstruments::SampledInstruments() {
  fail(ErrorCode::kUnsupported,
       "this build has no sampled instruments: install libfluidsynth-dev and fluid-soundfont-gm, "
       "then configure and build again");
}

std::vector<float> SampledInstruments::note(size_t instrument, int midi_note, double cents,
                                            size_t samples) const {
  std::vector<float> wave = change_speed(waves_[instrument][pitch_index(midi_note)],
                                         note_frequency_hz(69, cents) / 440.0);
  wave.resize(samples);
  return wave;
}

}  // namespace stapes::world
