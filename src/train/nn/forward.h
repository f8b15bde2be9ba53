// The same model as src/model, in libtorch with gradients. Reference A5, A6.
// Letters: B examples, C clips, S mel frames, M bands, P encoder frames, T rows, D width, V
// vocabulary.
#pragma once

#include "spec/model_config.h"
#include "stapes/options.h"
#include "train/libtorch.h"
#include "train/nn/parameters.h"

namespace stapes::train {

// Clips padded with zeros to one length; each comes out as if it had been alone.
struct PaddedMels {
  torch::Tensor values;   // [C, S, M] f32
  torch::Tensor lengths;  // [C] i64, mel frames of each clip
};

// -> [C, P, encoder width]; rows beyond a clip's own frames are zero.
torch::Tensor encode_audio(const Parameters& parameters, const ModelConfig& config,
                           const PaddedMels& mels, AudioRule rule);

// encoded [C, P, encoder width] (rows beyond a clip's own frames zero) -> [C, ceil(P / 2), D].
torch::Tensor adapt_audio(const Parameters& parameters, const torch::Tensor& encoded);

struct DecoderRows {
  torch::Tensor ids;        // [B, T] i64
  torch::Tensor positions;  // [B, T] i64
  torch::Tensor
      segments;  // [B, T] i64: a row sees earlier rows of segment 0 and of its own; -1 is padding
  torch::Tensor audio_rows;     // [N] i64 into B * T: rows that are sound ...
  torch::Tensor audio_sources;  // [N] i64 into C * ceil(P / 2): ... and where they come from
};

// -> hidden states after the last norm, [B, T, D]. `audio` may be undefined where there is no
// sound. recompute_layers: each layer keeps its input only and is computed again in the backward
// pass (nn/recomputed.h), until which parameters and config must live; the results are the same.
torch::Tensor decode(const Parameters& parameters, const ModelConfig& config,
                     const DecoderRows& rows, const torch::Tensor& audio,
                     bool recompute_layers = false);

// hidden [N, D] -> logits [N, V].
torch::Tensor language_model_head(const Parameters& parameters, const torch::Tensor& hidden);

}  // namespace stapes::train
