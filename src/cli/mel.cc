// stapes mel: a picture of what the model hears.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "audio/audio_file.h"
#include "audio/log_mel.h"
#include "audio/mel_image.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace stapes::cli {
namespace {

constexpr int kMostBands = 512;
// A picture of an hour would be 360,000 pixels wide; nobody could open it.
constexpr double kMaxPictureSeconds = 300;

struct MelOptions {
  std::string file;
  std::string png;
  int bands = 128;
};

int run_mel(const MelOptions& options) {
  const AudioClip clip = load_audio_file(options.file, {.max_seconds = kMaxPictureSeconds});
  const MelSpectrogram mel = LogMel(options.bands).compute(clip.samples);
  write_mel_png(options.png, mel);
  write_stdout(fmt::format("{}: {:.3f} s, {} frames of {} bands\n", options.png, clip.seconds(),
                           mel.frames, mel.bands));
  return 0;
}

}  // namespace

Command add_mel_command(CLI::App& program) {
  auto options = std::make_shared<MelOptions>();
  CLI::App* app = add_subcommand(program, "mel", "FILE --png OUT [--bands N]",
                                 "Draw the log-mel spectrogram that the model sees");
  app->add_option("FILE", options->file, "Any sound file of at most five minutes")->required();
  app->add_option("--png", options->png, "The picture to write")->required()->type_name("OUT");
  app->add_option("--bands", options->bands, "Mel bands; the release has 128")
      ->type_name("N")
      ->check(CLI::Range(1, kMostBands));
  return {app, [options] { return run_mel(*options); }};
}

}  // namespace stapes::cli
