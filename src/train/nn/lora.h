// Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): beside a frozen matrix W [out, in] two
// small ones are trained, y = W x + scale * B (A x), A [rank, in], B [out, rank].
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spec/model_config.h"
#include "train/libtorch.h"

namespace stapes::train {

struct LoraSettings {
  int64_t rank = 0;  // 0: none
  double alpha = 0;  // scale = alpha / rank
  // Last parts of modules' names, as peft's target_modules: "q_proj" is that of every layer.
  std::vector<std::string> targets = {};
};

struct LoraPair {
  torch::Tensor a;  // [rank, in]
  torch::Tensor b;  // [out, rank]
  double scale = 1;
};

// A module is a tensor of the table without its ".weight": "model.layers.0.self_attn.q_proj".
class Lora {
 public:
  Lora(LoraSettings settings, std::map<std::string, LoraPair> pairs);
  // A uniform in +-1 / sqrt(in), keyed by the seed and the module's place in the table; B zero: so
  // the model is unchanged at first. Throws as check_targets.
  static Lora fresh(const LoraSettings& settings, const ModelConfig& config, uint64_t seed);

  const LoraSettings& settings() const { return settings_; }
  const std::map<std::string, LoraPair>& pairs() const { return pairs_; }
  const LoraPair* find(const std::string& module) const;
  // A and B of each module, as MODULE.lora_A.weight and MODULE.lora_B.weight.
  std::vector<std::pair<std::string, torch::Tensor>> tensors() const;
  void require_grad(bool required);
  Lora to(torch::Device device) const;

 private:
  LoraSettings settings_;
  std::map<std::string, LoraPair> pairs_;
};

// Modules that can be adapted: every linear layer, by name, with the shape [out, in] of its weight.
std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> linear_modules(
    const ModelConfig& config);
// peft's rule for target_modules: the name itself, or what follows its last dots.
bool is_target(const std::string& module, const std::string& target);
// Throws kInvalidData: a target that no module of the model has.
void check_targets(const std::vector<std::string>& targets, const ModelConfig& config);

}  // namespace stapes::train
