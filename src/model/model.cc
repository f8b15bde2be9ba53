#include "model/model.h"

#include <utility>

#include "model/weights.h"

namespace stapes {

Model Model::open(const std::filesystem::path& model, const Ops& ops) {
  return open(ModelSource::open(model), ops);
}

Model Model::open(const ModelSource& source, const Ops& ops) {
  return of(source.config(), source.tensors(), ops);
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

int64_t Model::weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& [tensor, view] : tensors_.tensors())
    bytes += static_cast<int64_t>(view.size_bytes());
  return bytes;
}

Tensor Model::audio_rows(const Tensor& mel, AudioRule rule) const {
  const Tensor frames = encoder_.forward(mel, rule);
  return adaptor_.forward(frames, audio_token_count(mel.dim(0), rule));
}

}  // namespace stapes
