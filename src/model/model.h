// A model, ready to run: config, mapped tensors, encoder, adaptor and decoder.
#pragma once

#include <filesystem>
#include <memory>

#include "model/adaptor.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "ops/ops.h"
#include "spec/audio_tokens.h"
#include "spec/model_config.h"
#include "spec/model_source.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace stapes {

class Model {
 public:
  // A folder in the Hugging Face layout or a GGUF file. `ops` must outlive the model. Throws
  // kNotFound, kInvalidModel, kUnsupported (a dtype that ops cannot compute with).
  static Model open(const ModelSource& source, const Ops& ops);
  static Model open(const std::filesystem::path& model, const Ops& ops);
  // Tensors from elsewhere, such as a model made in memory. Throws as open().
  static Model of(ModelConfig config, ModelTensors tensors, const Ops& ops);

  const ModelConfig& config() const { return config_; }
  const ModelTensors& tensors() const { return tensors_; }
  const Encoder& encoder() const { return encoder_; }
  const Adaptor& adaptor() const { return adaptor_; }
  const Decoder& decoder() const { return decoder_; }

  // Of all weights as they are stored.
  int64_t weight_bytes() const;

  // mel [S, M] -> [audio_token_count(S, rule), D]. Throws as Encoder::forward.
  Tensor audio_rows(const Tensor& mel, AudioRule rule) const;

 private:
  Model(ModelConfig config, ModelTensors tensors, const Ops& ops, ModelWeights weights);

  ModelConfig config_;
  ModelTensors tensors_;  // what the weights view
  Encoder encoder_;
  Adaptor adaptor_;
  Decoder decoder_;
};

}  // namespace stapes
