#include "train/run/merge.h"

#include <map>

#include "base/fail.h"
#include "spec/tensor_table.h"
#include "train/nn/lora_file.h"
#include "train/nn/parameters.h"
#include "train/run/checkpoint.h"
#include "train/run/make_folder.h"

namespace stapes::train {
namespace {

torch::Tensor sum(const TensorView& weight, const LoraPair& pair, DType dtype) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor base = torch::tensor(widened_to_f32(weight)).view(weight.shape);
  return torch::addmm(base, pair.b, pair.a, 1, pair.scale)
      .to(dtype == DType::kBF16 ? torch::kBFloat16 : torch::kFloat32);
}

}  // namespace

MergedModel merge_adapter(const MergeOptions& options) {
  if (std::filesystem::exists(options.output / "config.json"))
    fail(ErrorCode::kUsage, "{} already holds a model; name another folder",
         options.output.string());
  const ModelConfig config = load_config(options.model);
  const ModelFiles files = read_model_files(options.model);
  const ModelTensors tensors = ModelTensors::open(options.model);
  const auto table = tensor_table(config);
  check_tensors(tensors, table);
  const Lora lora = read_adapter(options.adapter, config);

  std::map<std::string, torch::Tensor> merged;
  for (const auto& [module, pair] : lora.pairs()) {
    const std::string name = module + ".weight";
    merged[name] = sum(tensors.tensors().at(name), pair, options.dtype);
    check_finite(name, merged[name], options.output / "model.safetensors");
  }
  std::vector<NamedTensor> all;
  for (const TensorSpec& spec : table) {
    const auto found = merged.find(spec.name);
    all.push_back({spec.name, found == merged.end() ? tensors.require(spec.name, spec.shape)
                                                    : view_of(found->second)});
  }
  write_model_files(options.output, files);
  write_safetensors(options.output / "model.safetensors", all, options.dtype, {{"format", "pt"}});
  return {.modules = std::ssize(lora.pairs()), .rank = lora.settings().rank};
}

}  // namespace stapes::train
