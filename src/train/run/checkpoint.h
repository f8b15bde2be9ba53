// Checkpoints: written whole or not at all, found again by the highest step.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/libtorch.h"
#include "train/nn/losses.h"
#include "train/nn/parameters.h"

namespace stapes::train {

struct TrainerState {
  int64_t step = 0;         // steps done
  std::string recipe;       // the recipe's text
  std::string fingerprint;  // of the data
  std::string stage = "sft";
  std::string progress = "{}";  // JSON: what else the stage wants to know when it goes on
};

// The files that stand beside the weights of a model folder.
struct ModelFiles {
  std::string config_json;
  std::string tokenizer_json;
  std::string generation_config_json;
};
ModelFiles read_model_files(const std::filesystem::path& model_folder);
void write_model_files(const std::filesystem::path& folder, const ModelFiles& files);
void write_model_folder(const std::filesystem::path& folder, const ModelFiles& files,
                        const Parameters& parameters, DType dtype);

// RUN/checkpoints/step-00001200/: `write` fills the folder. Made under another name, synced and
// renamed; older ones beyond `keep` are removed afterwards. A full disk leaves the last good
// checkpoint as it was (kIo), and so does whatever `write` throws.
void save_checkpoint(const std::filesystem::path& run_folder, int64_t step, int keep,
                     const std::function<void(const std::filesystem::path&)>& write);
// Of supervised training: the weights, helper.safetensors, optimizer.pt and state.json.
void save_checkpoint(const std::filesystem::path& run_folder, const TrainerState& state,
                     const ModelFiles& files, const Parameters& parameters, FrameHelper& helper,
                     const torch::optim::AdamW& optimizer, int keep,
                     const std::filesystem::path& base_model = {});

// Into a checkpoint's folder: a model folder (f32) that `stapes` can run; with LoRA only the
// adapter, which belongs to `base_model`.
void write_weights(const std::filesystem::path& checkpoint, const ModelFiles& files,
                   const Parameters& parameters, const std::filesystem::path& base_model);
void save_state(const std::filesystem::path& checkpoint, const TrainerState& state);
// Throws kInvalidData where a value is not finite.
void save_tensors(const std::filesystem::path& file,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors);
void save_optimizer(const std::filesystem::path& file, const torch::optim::AdamW& optimizer);

// What a run that was killed while it saved has left behind.
void remove_unfinished_checkpoints(const std::filesystem::path& run_folder);
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);
TrainerState load_state(const std::filesystem::path& checkpoint);
void load_helper(const std::filesystem::path& checkpoint, FrameHelper& helper);
// Into tensors of the same names and sizes. Throws kInvalidData.
void load_tensors(const std::filesystem::path& file,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors);
void load_optimizer(const std::filesystem::path& file, torch::optim::AdamW& optimizer);

}  // namespace stapes::train
