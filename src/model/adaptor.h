// From encoder frames to rows that the decoder reads in place of <audio_patch> (reference A5).
#pragma once

#include "model/weights.h"
#include "ops/ops.h"
#include "spec/model_config.h"
#include "tensor/tensor.h"

namespace stapes {

class Adaptor {
 public:
  // `ops` and what the weights view must outlive the adaptor.
  Adaptor(const Ops& ops, AdaptorConfig config, AdaptorWeights weights);

  // frames [E, width] -> [tokens, D]. `tokens` (audio_token_count) is at most (E - 1) / 2 + 1: the
  // convolution sees all frames, its output is cut.
  Tensor forward(const Tensor& frames, int64_t tokens) const;

 private:
  const Ops* ops_;
  AdaptorConfig config_;
  AdaptorWeights weights_;
};

}  // namespace stapes
