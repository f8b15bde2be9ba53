// Measurements in words and numbers, for people and for a judge that reads.
#pragma once

#include <string>

#include "audio/measure/measure.h"

namespace stapes {

// "A4", "C#3": the nearest note of equal temperament, A4 = 440 Hz.
std::string nearest_note(double hz);

// Some lines with units, and pictures of loudness and pitch over time:
//   length      1.93 s; sound from 0.10 to 1.88 s
//   loudness    -22.1 dBFS on average, peak -6.0; falls by 4.1 dB
//   ...
// Every line ends in a newline.
std::string describe(const Measurement& measured);

// `columns` block characters for a course of values, " " where there is none. `low` and `high` are
// the values of the lowest and highest block.
std::string sparkline(const std::vector<double>& values, double low, double high);

}  // namespace stapes
