#include "world/melody.h"

#include <algorithm>
#include <limits>

#include "world/mixing.h"

namespace stapes::world {
namespace {

constexpr int kMinNotes = 3;
constexpr double kNoiselessMelodyShare = 0.15;  // of the augmented melodies: no noise at all
constexpr int kTopPitch = static_cast<int>(kPitches.size()) - 1;

// Places in kPitches. Half of the melodies leap anywhere; the others go by small steps with a
// tendency, so that few and many rises both occur.
std::vector<int> draw_contour(size_t notes, Rng& rng) {
  const bool leaps = rng.chance(0.5);
  const double upward = rng.uniform(0.1, 0.9);
  std::vector<int> places = {static_cast<int>(rng.integer(0, kTopPitch))};
  while (places.size() < notes) {
    const int last = places.back();
    if (rng.chance(0.12)) {
      places.push_back(last);
      continue;
    }
    const bool up = last == 0 || (last < kTopPitch && rng.chance(upward));
    const int room = up ? kTopPitch - last : last;
    const auto step = static_cast<int>(rng.integer(1, leaps ? room : std::min(room, 3)));
    places.push_back(up ? last + step : last - step);
  }
  return places;
}

bool has_single_maximum(const std::vector<int>& places) {
  return std::count(places.begin(), places.end(),
                    *std::max_element(places.begin(), places.end())) == 1;
}

// Attack, decay to the sustained level, release; times in samples.
struct Envelope {
  size_t attack, decay, release;
  float sustain;

  static Envelope draw(Rng& rng) {
    return {to_samples(rng.uniform(0.004, 0.02)), to_samples(rng.uniform(0.02, 0.06)),
            to_samples(rng.uniform(0.015, 0.03)), static_cast<float>(rng.uniform(0.5, 0.9))};
  }

  void apply(std::vector<float>& wave) const {
    const size_t count = wave.size();
    for (size_t i = 0; i < count; ++i) {
      float gain = sustain;
      if (i < attack)
        gain = static_cast<float>(i) / static_cast<float>(attack);
      else if (i < attack + decay)
        gain = 1 - (1 - sustain) * static_cast<float>(i - attack) / static_cast<float>(decay);
      if (const size_t left = count - 1 - i; left < release)
        gain *= static_cast<float>(left) / static_cast<float>(release);
      wave[i] *= gain;
    }
  }
};

}  // namespace

Truth plan_melody(int max_notes, Rng& rng) {
  const auto notes = static_cast<size_t>(rng.integer(kMinNotes, max_notes));
  std::vector<int> places = draw_contour(notes, rng);
  while (!has_single_maximum(places)) places = draw_contour(notes, rng);

  Truth plan;
  plan.notes_per_second = rng.uniform(2.5, 6.0);
  plan.loudness_trend = static_cast<int>(rng.integer(-1, 1));
  const double change_db = plan.loudness_trend * rng.uniform(10, 16);
  const double period = 1 / plan.notes_per_second;
  const double gap = std::max(0.03, period * rng.uniform(0.1, 0.3));
  double start = rng.uniform(0.1, 0.3);
  for (size_t i = 0; i < notes; ++i) {
    const double progress = static_cast<double>(i) / static_cast<double>(notes - 1);
    Event& event = plan.events.emplace_back();
    event.start_s = start;
    event.end_s = start + period - gap;
    event.midi_note = kPitches[static_cast<size_t>(places[i])];
    event.level_db = change_db * (progress - 0.5) + rng.uniform(-0.4, 0.4);
    start += period;
  }
  return plan;
}

Clip render_melody(const Truth& plan, const Timbres& timbres, bool augment, Rng& rng) {
  Clip clip;
  clip.truth = plan;
  const auto timbre =
      static_cast<size_t>(rng.integer(0, static_cast<int64_t>(timbres.names().size()) - 1));
  clip.truth.timbre = timbres.names()[timbre];
  const Envelope envelope = Envelope::draw(rng);
  const double cents = augment ? rng.uniform(-15, 15) : 0;

  std::vector<float>& samples = clip.audio.samples;
  samples.resize(to_samples(plan.events.back().end_s + rng.uniform(0.1, 0.3)));
  for (Event& event : clip.truth.events) {
    const size_t start = to_samples(event.start_s);
    std::vector<float> wave = timbres.note({.timbre = timbre,
                                            .midi_note = event.midi_note,
                                            .cents = cents,
                                            .samples = to_samples(event.end_s) - start},
                                           rng);
    envelope.apply(wave);
    // All pitches and timbres at one level: only the plan makes notes louder or softer.
    const double level = rms(wave);
    const auto gain = static_cast<float>(level > 0 ? 0.1 * from_db(event.level_db) / level : 0);
    for (size_t i = 0; i < wave.size(); ++i) samples[start + i] += gain * wave[i];
  }

  Recording how;
  // A microphone's colour would change the level from pitch to pitch, and with it the loudness
  // trend.
  how.colour = false;
  how.snr_db = augment && !rng.chance(kNoiselessMelodyShare)
                   ? rng.uniform(15, 40)
                   : std::numeric_limits<double>::infinity();
  how.peak_dbfs = augment ? rng.uniform(-30, -3) : -6;
  record(clip, how, rng);
  return clip;
}

}  // namespace stapes::world
