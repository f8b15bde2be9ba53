// Checkpoints: written whole or not at all, found again by the highest step.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <optional>

#include "train/nn/losses.h"
#include "train/nn/parameters.h"

namespace stapes::train {

struct TrainerState {
  int64_t step = 0;         // steps done
  std::string recipe;       // the recipe's text
  std::string fingerprint;  // of the data
};

// The files that stand beside the weights of a model folder.
struct ModelFiles {
  std::string config_json;
  std::string tokenizer_json;
  std::string generation_config_json;
};
ModelFiles read_model_files(const std::filesystem::path& model_folder);
void write_model_folder(const std::filesystem::path& folder, const ModelFiles& files,
                        const Parameters& parameters, DType dtype);

// RUN/checkpoints/step-00001200/: a model folder (f32) that `stapes` can run, with
// helper.safetensors, optimizer.pt and state.json beside it. Made under another name, synced and
// renamed; older ones beyond `keep` are removed afterwards. A full disk leaves the last good
// checkpoint as it was (kIo).
void save_checkpoint(const std::filesystem::path& run_folder, const TrainerState& state,
                     const ModelFiles& files, const Parameters& parameters, FrameHelper& helper,
                     const torch::optim::AdamW& optimizer, int keep);

std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);
TrainerState load_state(const std::filesystem::path& checkpoint);
void load_helper(const std::filesystem::path& checkpoint, FrameHelper& helper);
void load_optimizer(const std::filesystem::path& checkpoint, torch::optim::AdamW& optimizer);

}  // namespace stapes::train
