// A model's weights as named torch tensors: names and shapes from the one table in spec/.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spec/tensor_table.h"
#include "train/libtorch.h"
#include "train/nn/lora.h"

namespace stapes::train {

// "encoder", "adaptor", "embeddings" (the decoder's input table) or "decoder" (the rest, with its
// head).
std::string part_of(const std::string& parameter);

// Matrices and kernels: what products read. Norms, biases and positions are added and scaled with,
// and stay f32.
bool may_be_bf16(const TensorSpec& spec);

class Parameters {
 public:
  // Random weights: matrices normal with deviation 1/sqrt(fan in), residual outputs smaller by
  // sqrt(2 * layers) (GPT-2), norms one, biases zero, embeddings 0.02, positions a sinusoid as
  // Whisper's.
  static Parameters random(const ModelConfig& config, uint64_t seed);
  // From a model folder, widened to f32; but those that `narrow` accepts (frozen ones, whose
  // memory counts) are stored in bf16.
  static Parameters load(const std::filesystem::path& folder, const ModelConfig& config,
                         const std::function<bool(const TensorSpec&)>& narrow = nullptr);

  const torch::Tensor& operator[](const std::string& name) const;
  torch::Tensor& at(const std::string& name);
  bool contains(const std::string& name) const { return tensors_.contains(name); }
  const std::vector<std::string>& names() const { return names_; }

  // From now on the linear layers that `lora` names are adapted by it, and nothing but its pairs
  // is trained.
  void adapt(Lora lora);
  const Lora* lora() const { return lora_ ? &*lora_ : nullptr; }
  // The weight as it acts: with its pair added, if it has one; else the tensor itself. The sum is
  // taken in f32 and has the given dtype; undefined: that of the weight.
  torch::Tensor effective(const std::string& name,
                          std::optional<torch::ScalarType> dtype = std::nullopt) const;
  // All effective weights, without pairs. What is not adapted is shared, not copied.
  Parameters merged(torch::ScalarType dtype) const;

  void require_grad(bool required);
  // Of those whose name the function accepts; the others get none.
  void require_grad(const std::function<bool(const std::string& name)>& trained);
  // Everything that requires a gradient, in the table's order; then the pairs of LoRA.
  std::vector<std::pair<std::string, torch::Tensor>> trained() const;
  // Whether anything of a part (part_of) is trained.
  bool learns(const std::string& part) const;
  // Writes model.safetensors; dtype kF32, kBF16 or kF16. Throws kInvalidData where a weight is not
  // finite.
  void save(const std::filesystem::path& file, DType dtype) const;

 private:
  std::vector<std::string> names_;  // in the table's order
  std::map<std::string, torch::Tensor> tensors_;
  std::optional<Lora> lora_;
};

// Throws kInvalidData where a value is not finite: `file` is then not to be written.
void check_finite(const std::string& name, const torch::Tensor& tensor,
                  const std::filesystem::path& file);
// A CPU tensor seen as a TensorView (f32 or bf16, contiguous). The view lives as long as the
// tensor.
TensorView view_of(const torch::Tensor& tensor);

// Of all values of all weights as they are stored, in the table's order, without LoRA: another
// model has another one.
std::string hash_of(const Parameters& parameters);

}  // namespace stapes::train
