#include "model/model.h"

#include <utility>

#include "model/weights.h"

namespace stapes {

Model Model::open(const std::filesystem::path& folder, const Ops& ops) {
  return of(load_config(folder), ModelTensors::open(folder), ops);
}

Model Model::of(ModelConfig config, ModelTensors tensors, const Ops& ops) {
  ModelWeights weights = load_weights(tensors, config, ops);
  return {std::move(config), std::move(tensors), ops, std::move(weights)};
}

Model::Model(ModelConfig config, ModelTensors tensors, const Ops& ops, ModelWeights weights)
    : config_(std::move(config)),
      tensors_(std::move(tensors)),
      encoder_(ops, config_.encoder, std::move(weights.encoder)),
      adaptor_(ops, config_.adaptor, std::move(weights.adaptor)),
      decoder_(ops, config_.decoder, std::move(weights.decoder)) {}

Tensor Model::audio_rows(const Tensor& mel, AudioRule rule) const {
  const Tensor frames = encoder_.forward(mel, rule);
  return adaptor_.forward(frames, audio_token_count(mel.dim(0), rule));
}

}  // namespace stapes
