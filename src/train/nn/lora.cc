#include "train/nn/lora.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/fail.h"
#include "base/rng.h"
#include "spec/tensor_table.h"

namespace stapes::train {
namespace {

constexpr uint64_t kStream = 0x6c6f7261;  // "lora"

// Tables that are looked up, not multiplied with.
bool is_table(const std::string& tensor) {
  return tensor.find("embed") != std::string::npos;
}

std::string last_part(const std::string& module) {
  // The encoder's layers are numbered at their end: "mlp.0".
  const size_t dot = module.rfind('.');
  if (dot == std::string::npos) return module;
  const bool number = module.find_first_not_of("0123456789", dot + 1) == std::string::npos;
  return module.substr((number ? module.rfind('.', dot - 1) : dot) + 1);
}

LoraPair fresh_pair(int64_t rank, int64_t out, int64_t in, Rng rng) {
  LoraPair pair;
  pair.a = torch::empty({rank, in}, torch::kFloat32);
  pair.b = torch::zeros({out, rank}, torch::kFloat32);
  // Kaiming-uniform with a = sqrt(5), as peft: the bound is 1 / sqrt(fan in).
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  float* values = pair.a.data_ptr<float>();
  for (int64_t i = 0; i < pair.a.numel(); ++i)
    values[i] = static_cast<float>(rng.uniform(-bound, bound));
  return pair;
}

}  // namespace

Lora::Lora(LoraSettings settings, std::map<std::string, LoraPair> pairs)
    : settings_(std::move(settings)), pairs_(std::move(pairs)) {}

Lora Lora::fresh(const LoraSettings& settings, const ModelConfig& config, uint64_t seed) {
  check_targets(settings.targets, config);
  std::map<std::string, LoraPair> pairs;
  uint64_t place = 0;
  for (const auto& [module, shape] : linear_modules(config)) {
    ++place;
    const std::string& name = module;
    if (std::ranges::none_of(settings.targets,
                             [&](const std::string& target) { return is_target(name, target); }))
      continue;
    LoraPair pair = fresh_pair(settings.rank, shape.first, shape.second, Rng(seed, kStream, place));
    pair.scale = settings.alpha / static_cast<double>(settings.rank);
    pairs.emplace(module, std::move(pair));
  }
  return Lora(settings, std::move(pairs));
}

const LoraPair* Lora::find(const std::string& module) const {
  const auto found = pairs_.find(module);
  return found == pairs_.end() ? nullptr : &found->second;
}

std::vector<std::pair<std::string, torch::Tensor>> Lora::tensors() const {
  std::vector<std::pair<std::string, torch::Tensor>> all;
  for (const auto& [module, pair] : pairs_) {
    all.emplace_back(module + ".lora_A.weight", pair.a);
    all.emplace_back(module + ".lora_B.weight", pair.b);
  }
  return all;
}

void Lora::require_grad(bool required) {
  for (auto& [module, pair] : pairs_) {
    pair.a.set_requires_grad(required);
    pair.b.set_requires_grad(required);
  }
}

Lora Lora::to(torch::Device device) const {
  Lora moved = *this;
  for (auto& [module, pair] : moved.pairs_) {
    pair.a = pair.a.to(device);
    pair.b = pair.b.to(device);
  }
  return moved;
}

std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> linear_modules(
    const ModelConfig& config) {
  constexpr std::string_view kEnd = ".weight";
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> modules;
  for (const TensorSpec& spec : tensor_table(config))
    if (spec.shape.size() == 2 && spec.name.ends_with(kEnd) && !is_table(spec.name))
      modules.push_back(
          {spec.name.substr(0, spec.name.size() - kEnd.size()), {spec.shape[0], spec.shape[1]}});
  return modules;
}

bool is_target(const std::string& module, const std::string& target) {
  return module == target || (module.size() > target.size() && module.ends_with(target) &&
                              module[module.size() - target.size() - 1] == '.');
}

void check_targets(const std::vector<std::string>& targets, const ModelConfig& config) {
  const auto modules = linear_modules(config);
  for (const std::string& target : targets) {
    if (std::ranges::any_of(modules, [&](const auto& m) { return is_target(m.first, target); }))
      continue;
    std::set<std::string> known;
    for (const auto& [module, shape] : modules) known.insert(last_part(module));
    fail(ErrorCode::kInvalidData,
         "LoRA target \"{}\": no linear layer of the model is called so; its linear layers are {}",
         target, fmt::join(known, ", "));
  }
}

}  // namespace stapes::train
