// For tests: a model folder with random weights and a small tokenizer, made in a moment.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/testing/temporary_folder.h"
#include "spec/model_config.h"
#include "spec/tensor_table.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"
#include "text/bpe_trainer.h"

namespace stapes::testing {

// The shape of the "tiny" model, smaller still.
inline ModelConfig tiny_test_config() {
  ModelConfig config = config_like("tiny");
  config.encoder.mel_bands = 40;
  config.encoder.width = 32;
  config.encoder.heads = 2;
  config.encoder.layers = 2;
  config.adaptor.hidden_width = 48;
  config.decoder.width = 48;
  config.decoder.feed_forward = 96;
  config.decoder.heads = 6;
  config.decoder.kv_heads = 2;
  config.decoder.layers = 2;
  config.decoder.max_positions = 2048;
  return config;
}

inline std::string tiny_tokenizer_json() {
  const std::vector<std::string> corpus = {
      "Which digits are spoken? How many digits are spoken? What is the sum of the digits?",
      "<think>\nFirst I hear 3, second 7, third 1. 3 + 7 = 10. 10 + 1 = 11.\n</think>\n11",
      "How many notes are there? First E4; second G4, up; third D4, down. That makes 3 notes.",
      "Does the loudness rise or fall? The first notes are soft, the last notes are loud."};
  return train_tokenizer_json(corpus, /*merge_count=*/80);
}

// Normally distributed, scaled so that activations keep their size and no token is certain; biases
// small, norms near one.
inline Tensor random_weight(const TensorSpec& spec, uint64_t seed, uint64_t stream) {
  Tensor tensor(spec.shape);
  Rng rng(seed, stream);
  const bool norm = spec.shape.size() == 1 && spec.name.ends_with("weight");
  const int64_t fan_in = spec.shape.size() == 1 ? 1 : element_count(spec.shape) / spec.shape[0];
  const double scale =
      spec.shape.size() == 1                         ? 0.1
      : spec.name.starts_with("lm_head")             ? 3 / std::sqrt(static_cast<double>(fan_in))
      : spec.name.find("embed") != std::string::npos ? 1.0
                                                     : 1 / std::sqrt(static_cast<double>(fan_in));
  for (float& value : tensor.values())
    value = static_cast<float>((norm ? 1.0 : 0.0) + scale * rng.normal());
  return tensor;
}

// config.json, tokenizer.json and model.safetensors in `folder`.
inline void write_random_model(const std::filesystem::path& folder,
                               const ModelConfig& config = tiny_test_config(), uint64_t seed = 1,
                               DType dtype = DType::kF32) {
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", to_json(config));
  write_file_atomically(folder / "tokenizer.json", tiny_tokenizer_json());
  std::vector<Tensor> weights;
  std::vector<NamedTensor> named;
  for (const TensorSpec& spec : tensor_table(config)) {
    weights.push_back(random_weight(spec, seed, weights.size()));
    named.push_back({spec.name, weights.back().view()});
  }
  write_safetensors(folder / "model.safetensors", named, dtype);
}

}  // namespace stapes::testing
