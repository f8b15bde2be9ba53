// From clean events to a recording: microphone colour, noise, level.
#pragma once

#include <span>
#include <vector>

#include "base/rng.h"
#include "world/world.h"

namespace stapes::world {

// Plays `samples` `speed` times as fast (4-point Catmull-Rom interpolation). Speeds up to 1.2 are
// meant for material without energy near 8 kHz, because nothing is filtered out.
std::vector<float> change_speed(std::span<const float> samples, double speed);

// Root mean square; 0 for nothing.
double rms(std::span<const float> samples);
double to_db(double amplitude_ratio);  // 20 log10
double from_db(double db);

// Seconds to samples at 16 kHz, rounded.
size_t to_samples(double seconds);

// How much of each noise: flat, -3 dB per octave, -6 dB per octave (all near standard deviation 1).
struct NoiseMixture {
  float white = 0, pink = 0, brown = 0;
};
std::vector<float> coloured_noise(size_t count, const NoiseMixture& shares, Rng& rng);

struct Recording {
  bool colour = false;   // spectral tilt and band limits of a microphone
  double snr_db = 0;     // power of the events against the noise; infinite: no noise
  double peak_dbfs = 0;  // level of the loudest sample afterwards
};

// Colours the clip, measures every event's level (RMS, dB relative to full scale) without the
// noise, adds the noise and sets the overall level. Fills Truth::noise_db and Event::level_db.
void record(Clip& clip, const Recording& how, Rng& rng);

}  // namespace stapes::world
