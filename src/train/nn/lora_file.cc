#include "train/nn/lora_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "tensor/safetensors.h"
#include "train/nn/parameters.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
const std::string kPrefix = "base_model.model.";

json config_of(const Lora& lora, const fs::path& base_model) {
  const LoraSettings& settings = lora.settings();
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", base_model.string()},
          {"r", settings.rank},
          {"lora_alpha", settings.alpha},
          {"lora_dropout", 0.0},
          {"target_modules", settings.targets},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"init_lora_weights", true},
          {"inference_mode", true},
          {"modules_to_save", nullptr},
          {"use_rslora", false}};
}

class AdapterReader {
 public:
  AdapterReader(const fs::path& folder, const ModelConfig& model)
      : path_(folder / kConfigFile),
        tensors_path_(folder / kTensorFile),
        model_(model),
        config_(parse()) {}

  Lora read() {
    refuse_other_kinds();
    LoraSettings settings;
    settings.rank = field<int64_t>("r");
    settings.alpha = field<double>("lora_alpha");
    if (settings.rank < 1 || settings.rank > kMostRank)
      invalid("r must be from 1 to {}, got {}", kMostRank, settings.rank);
    if (!std::isfinite(settings.alpha)) invalid("lora_alpha is not finite");
    const json targets = config_.value("target_modules", json());
    if (targets.is_array()) settings.targets = field<std::vector<std::string>>("target_modules");
    try {
      check_targets(settings.targets, model_);
    } catch (const Error& error) {
      invalid("{}", error.what());
    }
    const auto rank = static_cast<double>(settings.rank);
    scale_ = settings.alpha / (flag("use_rslora") ? std::sqrt(rank) : rank);
    auto pairs = read_pairs(settings);
    // Where it is a pattern, or "all-linear": what it came to.
    if (!targets.is_array())
      for (const auto& [module, pair] : pairs) settings.targets.push_back(module);
    return Lora(std::move(settings), std::move(pairs));
  }

 private:
  static constexpr int64_t kMostRank = 1 << 16;

  template <typename... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidData, "{}: {}", path_.string(),
         fmt::format(format, std::forward<Args>(args)...));
  }

  json parse() const {
    json config = json::parse(read_file(path_, size_t{1} << 20), nullptr, false);
    if (!config.is_object()) invalid("expected a JSON object");
    return config;
  }

  template <typename T>
  T field(const char* name) const {
    const auto found = config_.find(name);
    if (found == config_.end()) invalid("{} is missing", name);
    try {
      return found->get<T>();
    } catch (const json::exception&) {
      invalid("{} is {}, which is not what is expected there", name, found->dump());
    }
  }

  bool flag(const char* name) const {
    const auto found = config_.find(name);
    return found != config_.end() && found->is_boolean() && found->get<bool>();
  }

  // Whether the key is there and says something: not null, false, {} or [].
  bool says(const char* name) const {
    const auto found = config_.find(name);
    if (found == config_.end() || found->is_null()) return false;
    if (found->is_boolean()) return found->get<bool>();
    return found->is_structured() ? !found->empty() : true;
  }

  void refuse_other_kinds() const {
    if (const auto type = config_.value("peft_type", json("none")); type != json("LORA"))
      invalid("peft_type must be \"LORA\", got {}", type.dump());
    const auto unsupported = [&](const std::string& what) {
      fail(ErrorCode::kUnsupported,
           "{}: {} is set; only plain LoRA of linear layers can be read here", path_.string(),
           what);
    };
    for (const char* name :
         {"use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out",
          "layer_replication", "lora_bias", "trainable_token_indices", "target_parameters"})
      if (says(name)) unsupported(name);
    if (const json bias = config_.value("bias", json("none")); bias != json("none"))
      unsupported("bias = " + bias.dump());
    // These change the base weights themselves, so that the sum with the untouched ones is wrong.
    if (const json init = config_.value("init_lora_weights", json(true)); init.is_string())
      for (const char* way : {"pissa", "olora", "corda", "loftq"})
        if (init.get<std::string>().starts_with(way))
          unsupported("init_lora_weights = " + init.dump());
  }

  // Modules that must be there: all that the list names, unless something leaves some of them out.
  bool must_be_there(const std::string& module, const LoraSettings& settings) const {
    if (says("layers_to_transform") || says("exclude_modules")) return false;
    return std::ranges::any_of(
        settings.targets, [&](const std::string& target) { return is_target(module, target); });
  }

  std::map<std::string, LoraPair> read_pairs(const LoraSettings& settings) {
    const auto file = SafetensorsFile::open(tensors_path_);
    std::set<std::string> unread;
    for (const auto& [name, view] : file.tensors()) unread.insert(name);
    const auto take = [&](const std::string& module, const char* which, const Shape& shape) {
      const std::string name = kPrefix + module + which;
      unread.erase(name);
      const auto found = file.tensors().find(name);
      if (found == file.tensors().end()) return torch::Tensor();
      return values_of(name, found->second, shape);
    };
    std::map<std::string, LoraPair> pairs;
    for (const auto& [module, shape] : linear_modules(model_)) {
      LoraPair pair{.a = take(module, ".lora_A.weight", {settings.rank, shape.second}),
                    .b = take(module, ".lora_B.weight", {shape.first, settings.rank}),
                    .scale = scale_};
      const bool any = pair.a.defined() || pair.b.defined();
      if (!any && !must_be_there(module, settings)) continue;
      if (!pair.a.defined() || !pair.b.defined())
        fail(ErrorCode::kInvalidData, "{}: the tensor {}{}{} is missing", tensors_path_.string(),
             kPrefix, module, pair.a.defined() ? ".lora_B.weight" : ".lora_A.weight");
      pairs.emplace(module, std::move(pair));
    }
    if (!unread.empty())
      fail(ErrorCode::kInvalidData,
           "{}: the tensor {} is not of a linear layer of the model (expected "
           "{}MODULE.lora_A.weight "
           "or .lora_B.weight){}",
           tensors_path_.string(), *unread.begin(), kPrefix,
           unread.size() == 1 ? "" : fmt::format(", and {} more", unread.size() - 1));
    if (pairs.empty()) fail(ErrorCode::kInvalidData, "{}: no tensor in it", tensors_path_.string());
    return pairs;
  }

  torch::Tensor values_of(const std::string& name, const TensorView& view, const Shape& shape) {
    if (view.shape != shape)
      fail(ErrorCode::kInvalidData, "{}: {} has the shape {}, expected {}", tensors_path_.string(),
           name, to_string(view.shape), to_string(shape));
    if (view.dtype != DType::kF32 && view.dtype != DType::kF16 && view.dtype != DType::kBF16)
      fail(ErrorCode::kInvalidData, "{}: {} is of {}, expected F32, F16 or BF16",
           tensors_path_.string(), name, stapes::name(view.dtype));
    const torch::Tensor values = torch::tensor(widened_to_f32(view)).view(shape);
    check_finite(name + " of " + tensors_path_.string(), values, "the merged model");
    return values;
  }

  const fs::path path_, tensors_path_;
  const ModelConfig& model_;
  const json config_;
  double scale_ = 1;
};

}  // namespace

void write_adapter(const fs::path& folder, const Lora& lora, const fs::path& base_model) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot create the folder {}: {}", folder.string(), error.message());
  std::vector<torch::Tensor> on_cpu;
  std::vector<NamedTensor> named;
  for (const auto& [name, tensor] : lora.tensors()) {
    on_cpu.push_back(tensor.detach().cpu().contiguous());
    check_finite(name, on_cpu.back(), folder / kTensorFile);
    named.push_back({kPrefix + name, view_of(on_cpu.back())});
  }
  write_safetensors(folder / kTensorFile, named, DType::kF32, {{"format", "pt"}});
  write_file_atomically(folder / kConfigFile, config_of(lora, base_model).dump(2) + "\n");
}

Lora read_adapter(const fs::path& folder, const ModelConfig& config) {
  return AdapterReader(folder, config).read();
}

void load_adapter(const fs::path& folder, const ModelConfig& config, const Lora& into) {
  const Lora from = read_adapter(folder, config);
  const torch::NoGradGuard no_grad;
  for (const auto& [module, pair] : into.pairs()) {
    const LoraPair* values = from.find(module);
    if (values == nullptr || values->a.sizes() != pair.a.sizes())
      fail(ErrorCode::kInvalidData, "{}: expected an adapter of rank {} for {}", folder.string(),
           pair.a.size(0), module);
    torch::Tensor a = pair.a, b = pair.b;
    a.copy_(values->a);
    b.copy_(values->b);
  }
}

}  // namespace stapes::train
