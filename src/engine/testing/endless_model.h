// For tests: a model that never ends its answer by itself.
#pragma once

#include <algorithm>
#include <filesystem>
#include <vector>

#include "engine/testing/tiny_model.h"
#include "tensor/safetensors.h"
#include "text/tokenizer.h"

namespace stapes::testing {

// A row of zeros gives its token the logit 0, which is never the largest of a few hundred random
// ones; the others are made so large that it is not sampled either.
inline void forbid_special_tokens(const std::filesystem::path& folder) {
  const Tokenizer tokenizer = Tokenizer::load(folder / "tokenizer.json");
  const ModelTensors tensors = ModelTensors::open(folder);
  const TensorView& head_view = tensors.tensors().at("lm_head.weight");
  Tensor head(head_view.shape);
  std::ranges::copy(head_view.f32(), head.values().begin());
  const auto ends = [&](TokenId id) {
    return tokenizer.is_special(id) || static_cast<size_t>(id) >= tokenizer.size();
  };
  for (TokenId id = 0; id < head.dim(0); ++id)
    for (float& weight : head.row(id)) weight *= ends(id) ? 0.0F : 200.0F;

  std::vector<NamedTensor> named;
  for (const auto& [tensor, view] : tensors.tensors())
    named.push_back({tensor, tensor == "lm_head.weight" ? head.view() : view});
  write_safetensors(folder / "model.safetensors", named, DType::kF32);
}

// With room for 65,536 tokens.
inline void write_endless_model(const std::filesystem::path& folder) {
  ModelConfig config = tiny_test_config();
  config.decoder.max_positions = 65536;
  write_random_model(folder, config);
  forbid_special_tokens(folder);
}

}  // namespace stapes::testing
