// Adapters on disk, as Hugging Face's peft writes and reads them: adapter_config.json and
// adapter_model.safetensors, whose tensors are called base_model.model.MODULE.lora_A.weight.
#pragma once

#include <filesystem>

#include "train/nn/lora.h"

namespace stapes::train {

// base_model: what the adapter belongs to, for the reader's eyes. Values as f32. Throws kIo, and
// kInvalidData where a value is not finite.
void write_adapter(const std::filesystem::path& folder, const Lora& lora,
                   const std::filesystem::path& base_model);

// Ours, or one by peft: rank and alpha, use_rslora; values of f32, f16 or bf16. Throws kNotFound,
// and kInvalidData (file and what is wrong: not JSON, a module that the model does not have, a
// tensor that is missing or has another shape), and kUnsupported for what is not a plain LoRA of
// linear layers (DoRA, trained biases, whole modules saved beside it, patterns of ranks).
Lora read_adapter(const std::filesystem::path& folder, const ModelConfig& config);

// The values of a folder that write_adapter wrote, into the same modules' tensors. Throws as
// read_adapter.
void load_adapter(const std::filesystem::path& folder, const ModelConfig& config, const Lora& into);

}  // namespace stapes::train
