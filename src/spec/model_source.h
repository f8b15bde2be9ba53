// Where a model comes from: a folder in the Hugging Face layout, or one GGUF file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "spec/model_config.h"
#include "tensor/gguf.h"
#include "tensor/safetensors.h"

namespace stapes {

// One of the model's texts, and what it is called in messages.
struct ModelText {
  std::string text;
  std::string where;
};

class ModelSource {
 public:
  // Throws kNotFound where there is neither a folder nor a file. Of a folder nothing is read yet;
  // a file's header is read and checked (tensor/gguf.h, spec/model_file.h), so it throws as those.
  static ModelSource open(const std::filesystem::path& model);

  const std::filesystem::path& path() const { return path_; }
  bool is_file() const { return file_ != nullptr; }

  // Each throws kNotFound where the model lacks the part, and kInvalidModel, kTooLarge, kIo for
  // what is wrong with it.
  ModelConfig config() const;
  ModelText config_json() const;
  ModelText tokenizer_json() const;
  std::optional<ModelText> generation_config_json() const;  // may be missing
  // The views live as long as the result.
  ModelTensors tensors() const;

 private:
  // A text of the folder or of the file's metadata.
  std::optional<ModelText> find_text(const char* file_name, const char* key) const;
  ModelText require_text(const char* file_name, const char* key) const;

  std::filesystem::path path_;
  std::shared_ptr<const GgufFile> file_;  // none for a folder
};

}  // namespace stapes
