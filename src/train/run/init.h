// Random models in the release's format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "spec/model_config.h"
#include "tensor/tensor.h"

namespace stapes::train {

struct InitOptions {
  std::string like = "tiny";   // config_like()
  int64_t encoder_layers = 0;  // 0: as the shape says
  int64_t decoder_layers = 0;
  int64_t vocabulary = 0;
  std::filesystem::path tokenizer =
      {};  // a tokenizer.json to copy; empty: learned from the world's texts
  int tokenizer_merges = 300;
  uint64_t seed = 1;
  DType dtype = DType::kBF16;
};

// A tokenizer.json learned from the world's texts.
std::string learned_tokenizer_json(int merges);

// Writes config.json, tokenizer.json, generation_config.json and model.safetensors into `folder`.
ModelConfig init_model(const std::filesystem::path& folder, const InitOptions& options);

}  // namespace stapes::train
