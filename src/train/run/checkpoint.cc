#include "train/run/checkpoint.h"

#include <torch/optim/adamw.h>
#include <torch/serialize.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "base/file.h"
#include "train/nn/lora_file.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultGenerationConfig = "{\n  \"do_sample\": false\n}\n";

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot create the folder {}: {}", folder.string(), error.message());
}

std::vector<fs::path> checkpoints(const fs::path& run_folder) {
  std::vector<fs::path> found;
  const fs::path folder = run_folder / "checkpoints";
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name.starts_with("step-") && name.find('.') == std::string::npos)
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());  // zero-padded numbers sort by value
  return found;
}

std::vector<std::pair<std::string, torch::Tensor>> values_of(FrameHelper& helper) {
  std::vector<std::pair<std::string, torch::Tensor>> values;
  for (const auto& [name, tensor] : helper.tensors()) values.emplace_back(name, *tensor);
  return values;
}

}  // namespace

ModelFiles read_model_files(const fs::path& model_folder) {
  ModelFiles files;
  files.config_json = read_file(model_folder / "config.json");
  files.tokenizer_json = read_file(model_folder / "tokenizer.json");
  files.generation_config_json = fs::exists(model_folder / "generation_config.json")
                                     ? read_file(model_folder / "generation_config.json")
                                     : kDefaultGenerationConfig;
  return files;
}

void write_model_files(const fs::path& folder, const ModelFiles& files) {
  create_folder(folder);
  write_file_atomically(folder / "config.json", files.config_json);
  write_file_atomically(folder / "tokenizer.json", files.tokenizer_json);
  write_file_atomically(folder / "generation_config.json", files.generation_config_json);
}

void write_model_folder(const fs::path& folder, const ModelFiles& files,
                        const Parameters& parameters, DType dtype) {
  write_model_files(folder, files);
  parameters.save(folder / "model.safetensors", dtype);
}

void save_checkpoint(const fs::path& run_folder, int64_t step, int keep,
                     const std::function<void(const fs::path&)>& write) {
  const fs::path folder = run_folder / "checkpoints" / fmt::format("step-{:08}", step);
  const fs::path temporary = folder.string() + ".tmp-" + std::to_string(::getpid());
  std::error_code ignored;
  try {
    create_folder(temporary);
    write(temporary);
    fs::remove_all(folder, ignored);
    std::error_code error;
    fs::rename(temporary, folder, error);
    if (error) fail(ErrorCode::kIo, "cannot write {}: {}", folder.string(), error.message());
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
  const auto all = checkpoints(run_folder);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i)
    fs::remove_all(all[i], ignored);
}

void save_checkpoint(const fs::path& run_folder, const TrainerState& state, const ModelFiles& files,
                     const Parameters& parameters, FrameHelper& helper,
                     const torch::optim::AdamW& optimizer, int keep, const fs::path& base_model) {
  save_checkpoint(run_folder, state.step, keep, [&](const fs::path& folder) {
    write_weights(folder, files, parameters, base_model);
    save_tensors(folder / "helper.safetensors", values_of(helper));
    save_optimizer(folder / "optimizer.pt", optimizer);
    save_state(folder, state);
  });
}

void write_weights(const fs::path& checkpoint, const ModelFiles& files,
                   const Parameters& parameters, const fs::path& base_model) {
  if (parameters.lora() != nullptr)
    write_adapter(checkpoint, *parameters.lora(), base_model);
  else
    write_model_folder(checkpoint, files, on_cpu(parameters), DType::kF32);
}

void save_state(const fs::path& checkpoint, const TrainerState& state) {
  const nlohmann::json json = {{"step", state.step},
                               {"recipe", state.recipe},
                               {"fingerprint", state.fingerprint},
                               {"stage", state.stage},
                               {"progress", nlohmann::json::parse(state.progress)}};
  write_file_atomically(checkpoint / "state.json", json.dump(2) + "\n");
}

void save_tensors(const fs::path& file,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  std::vector<torch::Tensor> on_cpu;
  std::vector<NamedTensor> named;
  for (const auto& [name, tensor] : tensors) {
    on_cpu.push_back(tensor.detach().cpu().contiguous());
    check_finite(name, on_cpu.back(), file);
    named.push_back({name, view_of(on_cpu.back())});
  }
  write_safetensors(file, named, DType::kF32);
}

void save_optimizer(const fs::path& file, const torch::optim::AdamW& optimizer) {
  write_file_atomically(file, [&](std::ostream& out) { torch::save(optimizer, out); });
}

void remove_unfinished_checkpoints(const fs::path& run_folder) {
  std::error_code ignored;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(run_folder / "checkpoints", ignored))
    if (entry.path().filename().string().find(".tmp-") != std::string::npos)
      unfinished.push_back(entry.path());
  for (const auto& path : unfinished) fs::remove_all(path, ignored);
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_folder) {
  const auto all = checkpoints(run_folder);
  if (all.empty()) return std::nullopt;
  return all.back();
}

TrainerState load_state(const fs::path& checkpoint) {
  const fs::path path = checkpoint / "state.json";
  try {
    const auto json = nlohmann::json::parse(read_file(path));
    return {.step = json.at("step").get<int64_t>(),
            .recipe = json.at("recipe").get<std::string>(),
            .fingerprint = json.at("fingerprint").get<std::string>(),
            .stage = json.value("stage", "sft"),
            .progress = json.value("progress", nlohmann::json::object()).dump()};
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kInvalidData, "{} is not a checkpoint's state: {}", path.string(),
         error.what());
  }
}

void load_helper(const fs::path& checkpoint, FrameHelper& helper) {
  load_tensors(checkpoint / "helper.safetensors", values_of(helper));
}

void load_tensors(const fs::path& path,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  const auto file = SafetensorsFile::open(path);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end() || found->second.element_count() != tensor.numel())
      fail(ErrorCode::kInvalidData, "{}: expected a tensor {} of {} values", path.string(), name,
           tensor.numel());
    torch::Tensor to = tensor;
    to.copy_(torch::tensor(widened_to_f32(found->second)).view_as(tensor));
  }
}

void load_optimizer(const fs::path& path, torch::optim::AdamW& optimizer) {
  try {
    torch::load(optimizer, path.string());
  } catch (const c10::Error& error) {
    fail(ErrorCode::kInvalidData, "cannot read the optimizer's state {}: {}", path.string(),
         error.what_without_backtrace());
  }
}

}  // namespace stapes::train
