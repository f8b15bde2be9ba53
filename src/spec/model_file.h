// A whole model in one GGUF file: what stands in its metadata (docs/file-format.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "spec/model_config.h"
#include "tensor/gguf.h"
#include "tensor/tensor.h"

namespace stapes {

inline constexpr const char* kModelArchitecture = "step_audio_2";
inline constexpr uint32_t kModelFormatVersion = 1;
inline constexpr const char* kTensorLayout = "rows16";  // tiles as in tensor/quantized.h

inline constexpr const char* kConfigKey = "stapes.config_json";
inline constexpr const char* kGenerationConfigKey = "stapes.generation_config_json";
inline constexpr const char* kTokenizerKey = "tokenizer.huggingface.json";  // as in GGUF's own list

// The files that stand beside the tensors in a model folder, as they are.
struct ModelTexts {
  std::string config_json;
  std::string tokenizer_json;
  std::optional<std::string> generation_config_json;
};

// `type` is what most of the decoder is stored as; it becomes general.file_type.
GgufMetadata model_file_metadata(const std::string& name, DType type, const ModelConfig& config,
                                 const ModelTexts& texts);

// Throws kInvalidModel (no model of this kind), kUnsupported (written by a newer Stapes, another
// layout of tensors), naming the file and what was expected.
void check_model_file(const GgufFile& file);

}  // namespace stapes
