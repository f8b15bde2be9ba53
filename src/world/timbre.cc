#include "world/timbre.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "world/mixing.h"
#include "world/sampled_instruments.h"

namespace stapes::world {
namespace {

constexpr size_t kTableSize = 2048;
constexpr double kHighestHarmonicHz = 7200;  // below the 8 kHz limit, detuning included

enum Oscillator : size_t { kSine, kTriangle, kSquare, kSaw, kOrgan, kFlute, kPlucked };
constexpr std::array<const char*, Timbres::kOscillatorCount> kOscillatorNames = {
    "sine", "triangle", "square", "saw", "organ", "flute", "plucked"};

// Amplitude of harmonic k (1 = fundamental).
double harmonic_amplitude(size_t timbre, int k) {
  static constexpr std::array<double, 9> kOrganStops = {0, 1, 0.8, 0.5, 0.4, 0, 0.3, 0, 0.2};
  static constexpr std::array<double, 5> kFlutePartials = {0, 1, 0.25, 0.08, 0.03};
  const auto of = [k](const auto& amplitudes) {
    return static_cast<size_t>(k) < amplitudes.size() ? amplitudes[static_cast<size_t>(k)] : 0.0;
  };
  switch (timbre) {
    case kSine:
      return k == 1 ? 1 : 0;
    case kTriangle:
      return k % 2 == 0 ? 0 : (k % 4 == 1 ? 1.0 : -1.0) / (k * k);
    case kSquare:
      return k % 2 == 0 ? 0 : 1.0 / k;
    case kSaw:
      return 1.0 / k;
    case kOrgan:
      return of(kOrganStops);
    case kFlute:
      return of(kFlutePartials);
    default:
      return 0;
  }
}

std::vector<float> one_period(size_t timbre, double frequency_hz) {
  const int harmonics = std::max(1, static_cast<int>(kHighestHarmonicHz / frequency_hz));
  std::vector<float> table(kTableSize);
  for (int k = 1; k <= harmonics; ++k) {
    const double amplitude = harmonic_amplitude(timbre, k);
    if (amplitude == 0) continue;
    for (size_t i = 0; i < kTableSize; ++i)
      table[i] += static_cast<float>(
          amplitude * std::sin(2 * std::numbers::pi * k * static_cast<double>(i) / kTableSize));
  }
  return table;
}

// A plucked string: harmonics that decay, the higher the faster. Each is a two-pole resonator
// y[n] = 2 r cos(w) y[n-1] - r^2 y[n-2], which is a decaying sine without calls to sin.
std::vector<float> plucked_note(double frequency_hz, size_t count) {
  std::vector<float> wave(count);
  const int harmonics = std::min(10, static_cast<int>(kHighestHarmonicHz / frequency_hz));
  for (int k = 1; k <= harmonics; ++k) {
    const double angle = 2 * std::numbers::pi * k * frequency_hz / kSampleRateHz;
    const double decay = std::exp(-(3.0 + 2.0 * k) / kSampleRateHz);
    const auto feedback = static_cast<float>(2 * decay * std::cos(angle));
    const auto feedback2 = static_cast<float>(decay * decay);
    float before = 0;
    auto now = static_cast<float>(decay * std::sin(angle) / k);
    for (float& sample : wave) {
      sample += now;
      const float next = feedback * now - feedback2 * before;
      before = now;
      now = next;
    }
  }
  return wave;
}

// Breath: noise that leans to the high frequencies, about 25 dB below the tone.
void add_breath(std::vector<float>& wave, Rng& rng) {
  const std::vector<float> noise = coloured_noise(wave.size() + 1, {.pink = 1}, rng);
  for (size_t i = 0; i < wave.size(); ++i) wave[i] += 0.053F * (noise[i + 1] - noise[i]);
}

}  // namespace

Timbres::Timbres(bool sampled_instruments)
    : names_(kOscillatorNames.begin(), kOscillatorNames.end()), tables_(kPlucked) {
  for (size_t timbre = 0; timbre < kPlucked; ++timbre)
    for (size_t pitch = 0; pitch < kPitches.size(); ++pitch)
      tables_[timbre][pitch] = one_period(timbre, note_frequency_hz(kPitches[pitch]));
  if (!sampled_instruments) return;
  sampled_ = std::make_unique<const SampledInstruments>();
  for (const std::string& instrument : sampled_->names()) names_.push_back(instrument);
}

Timbres::~Timbres() = default;

std::vector<float> Timbres::wavetable_note(const NoteRequest& request) const {
  const Wavetable& table = tables_[request.timbre][pitch_index(request.midi_note)];
  const double frequency = note_frequency_hz(request.midi_note, request.cents);
  // A 32-bit phase wraps by itself; its top 11 bits are the place in the table.
  constexpr unsigned kFractionBits = 32 - 11;
  static_assert(kTableSize == 1U << 11);
  const auto step = static_cast<uint32_t>(frequency / kSampleRateHz * 0x1.0p32);
  uint32_t phase = 0;
  std::vector<float> wave(request.samples);
  for (float& sample : wave) {
    const size_t index = phase >> kFractionBits;
    const float fraction = static_cast<float>(phase & ((1U << kFractionBits) - 1)) * 0x1.0p-21F;
    const float here = table[index], next = table[(index + 1) % kTableSize];
    sample = here + fraction * (next - here);
    phase += step;
  }
  return wave;
}

std::vector<float> Timbres::note(const NoteRequest& request, Rng& rng) const {
  STAPES_CHECK(request.timbre < names_.size(), "timbre {}", request.timbre);
  if (request.timbre >= kOscillatorCount)
    return sampled_->note(request.timbre - kOscillatorCount, request.midi_note, request.cents,
                          request.samples);
  if (request.timbre == kPlucked)
    return plucked_note(note_frequency_hz(request.midi_note, request.cents), request.samples);
  std::vector<float> wave = wavetable_note(request);
  if (request.timbre == kFlute) add_breath(wave, rng);
  return wave;
}

}  // namespace stapes::world
