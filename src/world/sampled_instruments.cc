#include "world/sampled_instruments.h"

#include "base/fail.h"
#include "stapes/audio.h"
#include "world/mixing.h"

#ifdef STAPES_HAVE_FLUIDSYNTH
#include <fluidsynth.h>

#include <filesystem>
#include <memory>
#endif

namespace stapes::world {

#ifdef STAPES_HAVE_FLUIDSYNTH
namespace {

struct Program {
  const char* name;
  int number;  // General MIDI, counted from 0
};
// Instruments whose pitch is clear within 0.1 s over the whole scale.
constexpr std::array<Program, 8> kPrograms = {{{"piano", 0},
                                               {"vibraphone", 11},
                                               {"guitar", 24},
                                               {"violin", 40},
                                               {"trumpet", 56},
                                               {"oboe", 68},
                                               {"clarinet", 71},
                                               {"recorder", 74}}};

std::filesystem::path find_soundfont() {
  for (const char* path :
       {"/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/sounds/sf2/default-GM.sf2",
        "/usr/share/sounds/sf3/FluidR3_GM.sf3", "/usr/share/sounds/sf3/default-GM.sf3"}) {
    if (std::filesystem::exists(path)) return path;
  }
  fail(ErrorCode::kUnsupported,
       "expected a General MIDI soundfont at /usr/share/sounds/sf2/FluidR3_GM.sf2, found none: "
       "install fluid-soundfont-gm");
}

// One synthesizer with one soundfont, without effects, at 16 kHz.
class Synthesizer {
 public:
  explicit Synthesizer(const std::filesystem::path& soundfont) {
    // Otherwise the library writes to stderr about audio drivers, which are not used here.
    for (const int level : {FLUID_ERR, FLUID_WARN, FLUID_INFO})
      fluid_set_log_function(level, nullptr, nullptr);
    settings_.reset(new_fluid_settings());
    fluid_settings_setnum(settings_.get(), "synth.sample-rate", kSampleRateHz);
    fluid_settings_setint(settings_.get(), "synth.reverb.active", 0);
    fluid_settings_setint(settings_.get(), "synth.chorus.active", 0);
    fluid_settings_setint(settings_.get(), "synth.dynamic-sample-loading", 1);
    synth_.reset(new_fluid_synth(settings_.get()));
    if (!synth_ || fluid_synth_sfload(synth_.get(), soundfont.c_str(), 1) == FLUID_FAILED)
      fail(ErrorCode::kUnsupported, "fluidsynth cannot load the soundfont \"{}\"",
           soundfont.string());
  }

  void select(const Program& program) {
    fluid_synth_program_change(synth_.get(), 0, program.number);
  }

  std::vector<float> play(int midi_note, size_t count) {
    fluid_synth_all_sounds_off(synth_.get(), 0);
    fluid_synth_noteon(synth_.get(), 0, midi_note, 100);
    std::vector<float> left(count), right(count);
    fluid_synth_write_float(synth_.get(), static_cast<int>(count), left.data(), 0, 1, right.data(),
                            0, 1);
    for (size_t i = 0; i < count; ++i) left[i] = 0.5F * (left[i] + right[i]);
    return left;
  }

 private:
  struct Deleter {
    void operator()(fluid_settings_t* settings) const { delete_fluid_settings(settings); }
    void operator()(fluid_synth_t* synth) const { delete_fluid_synth(synth); }
  };
  std::unique_ptr<fluid_settings_t, Deleter> settings_;
  std::unique_ptr<fluid_synth_t, Deleter> synth_;
};

}  // namespace

SampledInstruments::SampledInstruments() {
  Synthesizer synthesizer(find_soundfont());
  for (const Program& program : kPrograms) {
    synthesizer.select(program);
    names_.emplace_back(program.name);
    auto& waves = waves_.emplace_back();
    for (size_t pitch = 0; pitch < kPitches.size(); ++pitch)
      waves[pitch] = synthesizer.play(kPitches[pitch], to_samples(kRenderedSeconds));
  }
}
#else
SampledInstruments::SampledInstruments() {
  fail(ErrorCode::kUnsupported,
       "this build has no sampled instruments: install libfluidsynth-dev and fluid-soundfont-gm, "
       "then configure and build again");
}
#endif

std::vector<float> SampledInstruments::note(size_t instrument, int midi_note, double cents,
                                            size_t samples) const {
  std::vector<float> wave = change_speed(waves_[instrument][pitch_index(midi_note)],
                                         note_frequency_hz(69, cents) / 440.0);
  wave.resize(samples);
  return wave;
}

}  // namespace stapes::world
