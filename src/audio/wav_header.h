// What a RIFF/WAVE header says, read without believing it. libsndfile silently shortens a data
// chunk that claims more than the file holds; here the claim is kept so that a lie can be reported.
#pragma once

#include <cstdint>
#include <optional>

#include "audio/byte_source.h"

namespace stapes {

struct WavHeader {
  std::optional<int64_t> sample_rate_hz;      // nothing: no (whole) fmt chunk before the data
  std::optional<int64_t> claimed_data_bytes;  // nothing: no data chunk
  int64_t data_offset = 0;                    // where the samples begin
  int64_t found_data_bytes = 0;               // from there to the end of the file
  // The writer could not seek back (ffmpeg, sox or arecord into a pipe, a recorder that was killed)
  // and left placeholders for the sizes: the data is all that follows.
  bool length_unknown = false;
};

// Nothing where the bytes are not RIFF/WAVE.
std::optional<WavHeader> read_wav_header(ByteSource& source);

// The file as its writer would have left it, had it known the length. Only where `length_unknown`.
PatchedSource with_known_length(ByteSource& source, const WavHeader& header);

}  // namespace stapes
