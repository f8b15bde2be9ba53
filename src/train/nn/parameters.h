// A model's weights as named torch tensors: names and shapes from the one table in spec/.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "spec/tensor_table.h"

namespace stapes::train {

// "encoder", "adaptor", "embeddings" (the decoder's input table) or "decoder" (the rest, with its
// head).
std::string part_of(const std::string& parameter);

class Parameters {
 public:
  // Random weights: matrices normal with deviation 1/sqrt(fan in), residual outputs smaller by
  // sqrt(2 * layers) (GPT-2), norms one, biases zero, embeddings 0.02, positions a sinusoid as
  // Whisper's.
  static Parameters random(const ModelConfig& config, uint64_t seed);
  // From a model folder, widened to f32.
  static Parameters load(const std::filesystem::path& folder, const ModelConfig& config);

  const torch::Tensor& operator[](const std::string& name) const;
  torch::Tensor& at(const std::string& name);
  const std::vector<std::string>& names() const { return names_; }

  void require_grad(bool required);
  // Of those whose name the function accepts; the others get none.
  void require_grad(const std::function<bool(const std::string& name)>& trained);
  // Writes model.safetensors; dtype kF32, kBF16 or kF16. Throws kInvalidData where a weight is not
  // finite.
  void save(const std::filesystem::path& file, DType dtype) const;

 private:
  std::vector<std::string> names_;  // in the table's order
  std::map<std::string, torch::Tensor> tensors_;
};

// Throws kInvalidData where a value is not finite: `file` is then not to be written.
void check_finite(const std::string& name, const torch::Tensor& tensor,
                  const std::filesystem::path& file);
// A CPU tensor seen as a TensorView (f32, contiguous). The view lives as long as the tensor.
TensorView view_of(const torch::Tensor& tensor);

// Of all values of all weights (f32), in the table's order: another model has another one.
std::string hash_of(const Parameters& parameters);

}  // namespace stapes::train
