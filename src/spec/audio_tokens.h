// How many rows of the prompt a clip takes, and how many encoder positions may be attended to.
#pragma once

#include <cstdint>

#include "stapes/options.h"

namespace stapes {

// Reference A6. The original `transformers` code counts from S - 2 mel frames; the official server
// (a vLLM fork) counts from S and so gives one row more for a quarter of all lengths. The model is
// taken to be trained with the former [inferred in the reference], so that is the default.
int64_t audio_token_count(int64_t mel_frames, AudioRule rule);

// Encoder positions after conv2: ceil(S / 2).
int64_t encoder_positions(int64_t mel_frames);
// Encoder frames after the pool: floor(positions / 2).
int64_t encoder_frames(int64_t mel_frames);
// Keys that self-attention may see (reference A5, mask rule). With the `transformers` length S - 2
// exactly the last position of a single clip is masked; with the server's length S none is.
int64_t encoder_valid_positions(int64_t mel_frames, AudioRule rule);

}  // namespace stapes
