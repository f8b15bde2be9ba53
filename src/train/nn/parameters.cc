#include "train/nn/parameters.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"

namespace stapes::train {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_residual_output(const std::string& name) {
  return ends_with(name, "attn.out.weight") || ends_with(name, "mlp.2.weight") ||
         ends_with(name, "o_proj.weight") || ends_with(name, "down_proj.weight");
}

void fill_normal(torch::Tensor& tensor, double deviation, uint64_t seed, uint64_t stream) {
  Rng rng(seed, stream);
  float* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>(rng.normal() * deviation);
}

// Whisper's table: sines in the first half of the width, cosines in the second, periods from 2 pi
// to 2 pi * 10^4.
void fill_sinusoid(torch::Tensor& table) {
  const int64_t positions = table.size(0), half = table.size(1) / 2;
  auto values = table.accessor<float, 2>();
  for (int64_t position = 0; position < positions; ++position) {
    for (int64_t i = 0; i < half; ++i) {
      const double scale = std::pow(
          1e4, -static_cast<double>(i) / static_cast<double>(std::max<int64_t>(half - 1, 1)));
      values[position][i] = static_cast<float>(std::sin(static_cast<double>(position) * scale));
      values[position][half + i] =
          static_cast<float>(std::cos(static_cast<double>(position) * scale));
    }
  }
}

void initialize(torch::Tensor& tensor, const TensorSpec& spec, const ModelConfig& config,
                uint64_t seed, uint64_t stream) {
  if (spec.name == "encoder.positional_embedding.weight") return fill_sinusoid(tensor);
  if (spec.name == "model.embed_tokens.weight") return fill_normal(tensor, 0.02, seed, stream);
  if (ends_with(spec.name, ".bias")) return;
  if (spec.shape.size() == 1) {  // a norm's scale
    tensor.fill_(1.0f);
    return;
  }
  const auto fan_in = static_cast<double>(tensor.numel() / tensor.size(0));
  double deviation = 1.0 / std::sqrt(fan_in);
  if (is_residual_output(spec.name)) {
    const bool encoder = spec.name.starts_with("encoder.");
    deviation /= std::sqrt(
        2.0 * static_cast<double>(encoder ? config.encoder.layers : config.decoder.layers));
  }
  if (spec.name == "lm_head.weight") deviation = 0.02;
  fill_normal(tensor, deviation, seed, stream);
}

}  // namespace

std::string part_of(const std::string& parameter) {
  if (parameter.starts_with("encoder.")) return "encoder";
  if (parameter.starts_with("adapter.")) return "adaptor";
  return parameter == "model.embed_tokens.weight" ? "embeddings" : "decoder";
}

bool may_be_bf16(const TensorSpec& spec) {
  return spec.shape.size() >= 2 && spec.lowest_precision != Precision::kFloat32;
}

Parameters Parameters::random(const ModelConfig& config, uint64_t seed) {
  Parameters parameters;
  uint64_t stream = 0;
  for (const auto& spec : tensor_table(config)) {
    torch::Tensor tensor = torch::zeros(spec.shape, torch::kFloat32);
    initialize(tensor, spec, config, seed, stream++);
    parameters.names_.push_back(spec.name);
    parameters.tensors_.emplace(spec.name, std::move(tensor));
  }
  return parameters;
}

Parameters Parameters::load(const std::filesystem::path& folder, const ModelConfig& config,
                            const std::function<bool(const TensorSpec&)>& narrow) {
  const ModelTensors files = ModelTensors::open(folder);
  const auto table = tensor_table(config);
  check_tensors(files, table);
  Parameters parameters;
  for (const auto& spec : table) {
    const std::vector<float> values = widened_to_f32(files.require(spec.name, spec.shape));
    torch::Tensor tensor = torch::empty(spec.shape, torch::kFloat32);
    std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
    if (narrow && narrow(spec)) tensor = tensor.to(torch::kBFloat16);
    parameters.names_.push_back(spec.name);
    parameters.tensors_.emplace(spec.name, std::move(tensor));
  }
  return parameters;
}

const torch::Tensor& Parameters::operator[](const std::string& name) const {
  const auto found = tensors_.find(name);
  STAPES_CHECK(found != tensors_.end(), "no parameter {}", name);
  return found->second;
}

torch::Tensor& Parameters::at(const std::string& name) {
  const auto found = tensors_.find(name);
  STAPES_CHECK(found != tensors_.end(), "no parameter {}", name);
  return found->second;
}

void Parameters::adapt(Lora lora) {
  require_grad(false);
  lora_ = std::move(lora);
  lora_->require_grad(true);
}

torch::Tensor Parameters::effective(const std::string& name,
                                    std::optional<torch::ScalarType> dtype) const {
  const torch::Tensor& weight = (*this)[name];
  const std::string module = name.substr(0, name.rfind('.'));
  const LoraPair* pair = lora_ && name.ends_with(".weight") ? lora_->find(module) : nullptr;
  if (pair == nullptr) return weight;
  const torch::NoGradGuard no_grad;
  const torch::Tensor sum =
      torch::addmm(weight.to(torch::promoteTypes(weight.scalar_type(), pair->a.scalar_type())),
                   pair->b, pair->a, 1, pair->scale);
  return sum.to(dtype.value_or(weight.scalar_type()));
}

Parameters Parameters::merged(torch::ScalarType dtype) const {
  Parameters all = *this;
  all.lora_.reset();
  if (!lora_) return all;
  for (const auto& [module, pair] : lora_->pairs())
    all.at(module + ".weight") = effective(module + ".weight", dtype);
  return all;
}

std::vector<std::pair<std::string, torch::Tensor>> Parameters::trained() const {
  std::vector<std::pair<std::string, torch::Tensor>> all;
  const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
    if (tensor.requires_grad()) all.emplace_back(name, tensor);
  };
  for (const auto& name : names_) add(name, tensors_.at(name));
  if (lora_)
    for (const auto& [name, tensor] : lora_->tensors()) add(name, tensor);
  return all;
}

bool Parameters::learns(const std::string& part) const {
  const auto all = trained();
  return std::ranges::any_of(all, [&](const auto& named) { return part_of(named.first) == part; });
}

void Parameters::require_grad(bool required) {
  for (auto& [name, tensor] : tensors_) tensor.set_requires_grad(required);
}

void Parameters::require_grad(const std::function<bool(const std::string& name)>& trained) {
  for (auto& [name, tensor] : tensors_) tensor.set_requires_grad(trained(name));
}

void Parameters::save(const std::filesystem::path& file, DType dtype) const {
  std::vector<NamedTensor> tensors;
  for (const auto& name : names_) {
    const torch::Tensor& tensor = tensors_.at(name);
    check_finite(name, tensor, file);
    tensors.push_back({name, view_of(tensor)});
  }
  write_safetensors(file, tensors, dtype, {{"format", "pt"}});
}

void check_finite(const std::string& name, const torch::Tensor& tensor,
                  const std::filesystem::path& file) {
  if (!torch::isfinite(tensor).all().item<bool>())
    fail(ErrorCode::kInvalidData, "{} holds values that are not finite; {} was not written", name,
         file.string());
}

TensorView view_of(const torch::Tensor& tensor) {
  const bool narrow = tensor.scalar_type() == torch::kBFloat16;
  STAPES_CHECK(tensor.is_contiguous() && tensor.is_cpu() &&
                   (narrow || tensor.scalar_type() == torch::kFloat32),
               "expected a contiguous tensor of f32 or bf16 on the CPU");
  return {narrow ? DType::kBF16 : DType::kF32,
          {tensor.sizes().begin(), tensor.sizes().end()},
          static_cast<const std::byte*>(tensor.data_ptr())};
}

std::string hash_of(const Parameters& parameters) {
  uint64_t hash = 0;
  for (const auto& name : parameters.names()) {
    const torch::Tensor values = parameters[name].detach().cpu().contiguous();
    hash = XXH3_64bits_withSeed(values.data_ptr(), values.nbytes(), hash);
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace stapes::train
