// The numbers of one forward pass, so that anyone can compare them with the Python original.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "tensor/tensor.h"

namespace stapes {

struct ClipTrace {
  Tensor mel;      // [S, M]
  Tensor encoder;  // [S / 4, encoder width]: after the pool and the last norm
  Tensor adaptor;  // [tokens, D]: what stands in place of <audio_patch>
};

struct Trace {
  std::vector<ClipTrace> clips;     // in order of the request's clips
  std::vector<int64_t> prompt_ids;  // [T]
  std::vector<float> logits;        // [V], after the last prompt token
};

// Writes mel.npy, encoder.npy, adaptor.npy (of the first clip; clip i > 0 gets mel.i.npy and so on,
// i from 1), prompt_ids.npy and logits.npy; makes the folder where it does not exist. Throws kIo.
void write_trace(const Trace& trace, const std::filesystem::path& folder);

}  // namespace stapes
