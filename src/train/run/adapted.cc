#include "train/run/adapted.h"

#include "train/nn/lora_file.h"
#include "train/run/session.h"

namespace stapes::train {

namespace fs = std::filesystem;

Parameters load_weights(const fs::path& folder, const ModelConfig& config, const ModelRecipe& model,
                        torch::Device device,
                        const std::function<bool(const std::string& part)>& is_frozen) {
  const auto narrow = [&](const TensorSpec& spec) {
    return model.frozen_dtype == "bf16" && may_be_bf16(spec) && is_frozen(part_of(spec.name));
  };
  Parameters parameters = Parameters::load(folder, config, narrow);
  for (const auto& name : parameters.names()) parameters.at(name) = parameters[name].to(device);
  return parameters;
}

void adapt(Parameters& parameters, const LoraRecipe& recipe, const ModelConfig& config,
           uint64_t seed, torch::Device device) {
  if (recipe.rank == 0) return;
  const LoraSettings settings{
      .rank = recipe.rank, .alpha = recipe.alpha, .targets = recipe.targets};
  parameters.adapt(Lora::fresh(settings, config, seed).to(device));
}

void write_result(const fs::path& run_folder, const ModelFiles& files, const Parameters& parameters,
                  const ModelRecipe& model) {
  if (parameters.lora() != nullptr)
    write_adapter(run_folder / "adapter", *parameters.lora(), model.init);
  if (model.output.empty()) return;
  const auto sum = model.save_dtype == "bf16" ? torch::kBFloat16 : torch::kFloat32;
  write_model_folder(model.output, files, on_cpu(parameters.merged(sum)),
                     save_dtype(model.save_dtype));
}

}  // namespace stapes::train
