// The audio encoder (reference A5; modeling_step_audio_2.py, AudioEncoder): 25 frames per second.
#pragma once

#include "model/weights.h"
#include "ops/ops.h"
#include "spec/model_config.h"
#include "stapes/options.h"
#include "tensor/tensor.h"

namespace stapes {

class Encoder {
 public:
  // `ops` and what the weights view must outlive the encoder.
  Encoder(const Ops& ops, EncoderConfig config, EncoderWeights weights);

  // mel [S, M] -> [encoder_frames(S), width]. Throws kTooLarge above max_mel_frames() (29.98
  // s in the release) and kInvalidAudio for a clip that is too short to give a token by `rule`.
  Tensor forward(const Tensor& mel, AudioRule rule) const;

 private:
  struct Scratch;
  void embed_frames(const Tensor& mel, Scratch& scratch) const;
  void block(const EncoderBlockWeights& weights, int64_t valid_keys, Scratch& scratch) const;

  const Ops* ops_;
  EncoderConfig config_;
  EncoderWeights weights_;
};

}  // namespace stapes
