// The notes that melodies are made of.
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace stapes::world {

// C major pentatonic from C4 to C6, MIDI note numbers.
inline constexpr std::array<int, 11> kPitches = {60, 62, 64, 67, 69, 72, 74, 76, 79, 81, 84};

// Equal temperament, A4 = MIDI note 69 = 440 Hz. 100 cents are one semitone.
double note_frequency_hz(int midi_note, double cents = 0);
// "C4" for MIDI note 60; the black keys are written as sharps ("C#4").
std::string note_name(int midi_note);
// Index into kPitches; the note must be one of them.
size_t pitch_index(int midi_note);

}  // namespace stapes::world
