// The weights of a Step-Audio model by role instead of by name. All are views of the mapped model
// file, in its own dtype; nothing is copied (unless the ops table's device needs its own copy).
#pragma once

#include <vector>

#include "ops/ops.h"
#include "spec/model_config.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace stapes {

// weight [O, N] (or [O, C, kernel], or [D] of a norm); bias [O] or no data.
struct Affine {
  TensorView weight;
  TensorView bias;
};

struct EncoderBlockWeights {
  Affine attn_ln;                 // [width]
  Affine query, key, value, out;  // [width, width]; key has no bias
  Affine mlp_ln;                  // [width]
  Affine mlp_up;                  // [4 · width, width]
  Affine mlp_down;                // [width, 4 · width]
};

struct EncoderWeights {
  Affine conv1;                     // [width, M, 3]
  Affine conv2;                     // [width, width, 3]
  TensorView positional_embedding;  // [max_positions, width]
  std::vector<EncoderBlockWeights> blocks;
  Affine after_norm;  // [width]
};

struct AdaptorWeights {
  Affine conv;     // [width, width, 3]
  Affine linear1;  // [hidden_width, width]
  Affine linear2;  // [D, hidden_width]
};

struct DecoderLayerWeights {
  Affine input_layernorm;           // [D], no bias
  Affine q_proj;                    // [H · W, D]
  Affine k_proj, v_proj;            // [K · W, D]
  Affine o_proj;                    // [D, H · W], no bias
  Affine post_attention_layernorm;  // [D], no bias
  Affine gate_proj, up_proj;        // [F, D], no bias
  Affine down_proj;                 // [D, F], no bias
};

struct DecoderWeights {
  TensorView embed_tokens;  // [V, D]
  std::vector<DecoderLayerWeights> layers;
  Affine norm;     // [D], no bias
  Affine lm_head;  // [V, D], no bias
};

struct ModelWeights {
  EncoderWeights encoder;
  AdaptorWeights adaptor;
  DecoderWeights decoder;
};

// Asks for every tensor by name and shape. Throws kInvalidModel naming the tensor, its file, what
// was expected and what came (missing, extra, another shape, not a float dtype). The views live as
// long as `tensors` and `ops`.
ModelWeights load_weights(const ModelTensors& tensors, const ModelConfig& config, const Ops& ops);

}  // namespace stapes
