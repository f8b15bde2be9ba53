// How much a forward pass has to read and to compute at least: what rates are counted in.
#pragma once

#include <cstdint>
#include <span>

#include "model/kv_view.h"
#include "model/model.h"

namespace stapes {

struct ForwardCost {
  double bytes = 0;       // weights, each once, and the keys and values that are attended to
  double operations = 0;  // of matrix products and attention; a product and an addition are two

  ForwardCost& operator+=(const ForwardCost& other);
};

// The next `rows` tokens of a sequence that has `start_position` already.
struct CostedStep {
  int64_t start_position = 0;
  int64_t rows = 1;
  bool logits = true;  // of the last row
};

class CostModel {
 public:
  // `kv`: how the keys and values are stored.
  CostModel(const Model& model, const KvLayout& kv);

  // One forward of the decoder for all of these steps together.
  ForwardCost decoder(std::span<const CostedStep> steps) const;
  // Encoder and adaptor for one clip of S mel frames, reference A6 rule "hf".
  ForwardCost audio(int64_t mel_frames) const;

  // What the arithmetic is measured against: 8-bit products if these matrices are quantized.
  DType decoder_type() const { return decoder_type_; }
  DType audio_type() const { return audio_type_; }

 private:
  struct Part {
    double bytes = 0;
    double matrix_elements = 0;
  };
  ModelConfig config_;
  double kv_token_bytes_ = 0;  // of all layers
  Part layers_, head_;
  Part conv1_, conv2_, encoder_blocks_, adaptor_;  // with the vectors beside them
  DType decoder_type_ = DType::kF32;
  DType audio_type_ = DType::kF32;
};

}  // namespace stapes
