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
  bool tokenizer_all_texts = false;  // world::CorpusTexts::kAll
  uint64_t seed = 1;
  DType dtype = DType::kBF16;
};

// A tokenizer.json learned from the world's texts: those of its first nine tasks, or all.
std::string learned_tokenizer_json(int merges, bool all_texts = false);

// Writes config.json, tokenizer.json, generation_config.json and model.safetensors into `folder`.
ModelConfig init_model(const std::filesystem::path& folder, const InitOptions& options);

}  // namespace stapes::train
