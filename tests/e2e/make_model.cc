// make_model FOLDER: writes FOLDER/random, a tiny model with random weights, and FOLDER/endless, the same
// with room for long answers and without a way to end one.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "engine/testing/tiny_model.h"
#include "tensor/safetensors.h"
#include "text/tokenizer.h"

namespace {

using namespace stapes;

// A row of zeros gives its token the logit 0, which is never the largest of a few hundred random ones.
void forbid_special_tokens(const std::filesystem::path& folder) {
  const Tokenizer tokenizer = Tokenizer::load(folder / "tokenizer.json");
  const ModelTensors tensors = ModelTensors::open(folder);
  const TensorView& head_view = tensors.tensors().at("lm_head.weight");
  Tensor head(head_view.shape);
  std::ranges::copy(head_view.f32(), head.values().begin());
  for (TokenId id = 0; id < head.dim(0); ++id)
    if (tokenizer.is_special(id) || static_cast<size_t>(id) >= tokenizer.size())
      std::ranges::fill(head.row(id), 0.0F);

  std::vector<NamedTensor> named;
  for (const auto& [tensor, view] : tensors.tensors())
    named.push_back({tensor, tensor == "lm_head.weight" ? head.view() : view});
  write_safetensors(folder / "model.safetensors", named, DType::kF32);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "make_model: expected one folder, got %d\n", argc - 1);
    return 64;
  }
  const std::filesystem::path folder = argv[1];
  stapes::testing::write_random_model(folder / "random");
  stapes::ModelConfig config = stapes::testing::tiny_test_config();
  config.decoder.max_positions = 65536;
  stapes::testing::write_random_model(folder / "endless", config);
  forbid_special_tokens(folder / "endless");
  return 0;
}
