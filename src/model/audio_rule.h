// How many encoder keys and how many tokens a clip gives (reference A5, A6).
//
// The release has two rules. Its own Hugging Face code passes len = T - 2 for a clip of T mel
// frames (the two frames that the right padding adds), so that the last encoder key is masked and a
// quarter of all lengths gives one token less. The official vLLM server passes len = T: nothing is
// masked. HF is our default: a tuning project that patches the server back to - 2 reports it as
// what the encoder was trained with, so it is the nearest to the training data; the server's rule
// is there to compare with the server.
#pragma once

#include <cstdint>

#include "stapes/options.h"

namespace stapes {

// Tokens that the adaptor's output is cut to, for a clip of `mel_frames` frames. 0 for a clip that
// is too short to give one (HF: under 5 frames, vLLM: under 3).
int64_t audio_token_count(int64_t mel_frames, AudioRule rule);

// Frames after conv2: ceil(mel_frames / 2).
int64_t encoder_positions(int64_t mel_frames);

// Encoder keys [0, n) that attention sees; the mask over mel frames is sampled at every second
// frame from (T + 1) % 2, so for even T key j is valid iff 2j + 1 < len, for odd T iff 2j < len.
int64_t valid_encoder_keys(int64_t mel_frames, AudioRule rule);

}  // namespace stapes
