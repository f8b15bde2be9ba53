// The log-mel spectrogram as a picture: what the model hears.
#pragma once

#include <filesystem>

#include "audio/log_mel.h"

namespace stapes {

// Writes a PNG: time to the right with marks in seconds, low frequencies at the bottom with marks
// in Hz at the centres of the mel bands, colours from dark (quiet) to bright (loud), and their
// scale in decibels below the clip's maximum. Short clips are enlarged; long ones are averaged to a
// fixed width. Throws kInvalidAudio for a spectrogram without frames, kIo where the file cannot be
// written.
void write_mel_png(const std::filesystem::path& path, const MelSpectrogram& mel);

}  // namespace stapes
