#include "spec/model_source.h"

#include "base/fail.h"
#include "base/file.h"
#include "spec/model_file.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

// The release's tokenizer.json has 11 MB.
constexpr size_t kMaxTextBytes = size_t{256} << 20;

}  // namespace

ModelSource ModelSource::open(const fs::path& model) {
  ModelSource source;
  source.path_ = model;
  std::error_code error;
  if (fs::is_directory(model, error)) return source;
  if (!fs::exists(model, error))
    fail(ErrorCode::kNotFound, "expected a model folder or a .gguf file, but there is no {}",
         model.string());
  auto file = std::make_shared<const GgufFile>(GgufFile::open(model));
  check_model_file(*file);
  source.file_ = std::move(file);
  return source;
}

std::optional<ModelText> ModelSource::find_text(const char* file_name, const char* key) const {
  if (is_file()) {
    const std::string* text = file_->find_text(key);
    if (text == nullptr) return std::nullopt;
    return ModelText{.text = *text, .where = path_.string() + " (" + key + ")"};
  }
  const fs::path path = path_ / file_name;
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  return ModelText{.text = read_file(path, kMaxTextBytes), .where = path.string()};
}

ModelText ModelSource::require_text(const char* file_name, const char* key) const {
  std::optional<ModelText> text = find_text(file_name, key);
  if (!text)
    fail(ErrorCode::kNotFound, "the model {} has no {}", path_.string(),
         is_file() ? key : file_name);
  return std::move(*text);
}

ModelConfig ModelSource::config() const {
  const ModelText json = config_json();
  return parse_config(json.text, json.where);
}

ModelText ModelSource::config_json() const {
  return require_text("config.json", kConfigKey);
}

ModelText ModelSource::tokenizer_json() const {
  return require_text("tokenizer.json", kTokenizerKey);
}

std::optional<ModelText> ModelSource::generation_config_json() const {
  return find_text("generation_config.json", kGenerationConfigKey);
}

ModelTensors ModelSource::tensors() const {
  if (!is_file()) return ModelTensors::open(path_);
  return ModelTensors::of(file_->tensors(), path_, file_);
}

}  // namespace stapes
