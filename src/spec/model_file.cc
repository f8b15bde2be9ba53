#include "spec/model_file.h"

#include "base/check.h"
#include "base/fail.h"
#include "tensor/quoted_name.h"

namespace stapes {
namespace {

constexpr const char* kArchitectureKey = "general.architecture";
constexpr const char* kFormatVersionKey = "stapes.format_version";
constexpr const char* kTensorLayoutKey = "stapes.tensor_layout";

// The layout of the block formats; 2 is what ggml has written since May 2023.
constexpr uint32_t kQuantizationVersion = 2;

// GGUF's list of general.file_type.
uint32_t file_type(DType type) {
  switch (type) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ8_0:
      return 7;
    case DType::kQ4_K:
      return 14;  // "mostly Q4_K - small": all of the decoder's matrices alike
    case DType::kBF16:
      return 32;
    default:
      STAPES_CHECK(false, "no model file is mostly {}", name(type));
      return 0;
  }
}

uint32_t u32(int64_t value) {
  STAPES_CHECK(value >= 0 && value <= UINT32_MAX);
  return static_cast<uint32_t>(value);
}

void add_decoder_keys(GgufMetadata& metadata, const std::string& prefix,
                      const DecoderConfig& config) {
  metadata.emplace_back(prefix + "block_count", u32(config.layers));
  metadata.emplace_back(prefix + "context_length", u32(config.max_positions));
  metadata.emplace_back(prefix + "embedding_length", u32(config.width));
  metadata.emplace_back(prefix + "feed_forward_length", u32(config.feed_forward));
  metadata.emplace_back(prefix + "vocab_size", u32(config.vocabulary));
  metadata.emplace_back(prefix + "attention.head_count", u32(config.heads));
  metadata.emplace_back(prefix + "attention.head_count_kv", u32(config.kv_heads));
  metadata.emplace_back(prefix + "attention.key_length", u32(config.head_width()));
  metadata.emplace_back(prefix + "attention.value_length", u32(config.head_width()));
  metadata.emplace_back(prefix + "attention.layer_norm_rms_epsilon",
                        static_cast<float>(config.rms_norm_eps));
  metadata.emplace_back(prefix + "rope.dimension_count", u32(config.head_width()));
  metadata.emplace_back(prefix + "rope.freq_base", static_cast<float>(config.rope_theta));
}

void add_audio_keys(GgufMetadata& metadata, const std::string& prefix, const ModelConfig& config) {
  const EncoderConfig& encoder = config.encoder;
  metadata.emplace_back(prefix + "block_count", u32(encoder.layers));
  metadata.emplace_back(prefix + "context_length", u32(encoder.max_positions));
  metadata.emplace_back(prefix + "embedding_length", u32(encoder.width));
  metadata.emplace_back(prefix + "feed_forward_length", u32(encoder.feed_forward()));
  metadata.emplace_back(prefix + "attention.head_count", u32(encoder.heads));
  metadata.emplace_back(prefix + "num_mel_bins", u32(encoder.mel_bands));
  metadata.emplace_back(prefix + "adaptor_length", u32(config.adaptor.hidden_width));
}

}  // namespace

GgufMetadata model_file_metadata(const std::string& name, DType type, const ModelConfig& config,
                                 const ModelTexts& texts) {
  GgufMetadata metadata = {{kArchitectureKey, std::string(kModelArchitecture)},
                           {"general.name", name},
                           {"general.file_type", file_type(type)},
                           {"general.quantization_version", kQuantizationVersion},
                           {kFormatVersionKey, kModelFormatVersion},
                           {kTensorLayoutKey, std::string(kTensorLayout)}};
  const std::string prefix = std::string(kModelArchitecture) + ".";
  add_decoder_keys(metadata, prefix, config.decoder);
  add_audio_keys(metadata, prefix + "audio.", config);
  metadata.emplace_back(kConfigKey, texts.config_json);
  if (texts.generation_config_json)
    metadata.emplace_back(kGenerationConfigKey, *texts.generation_config_json);
  metadata.emplace_back(kTokenizerKey, texts.tokenizer_json);
  return metadata;
}

void check_model_file(const GgufFile& file) {
  const std::string where = file.path().string();
  const std::string* architecture = file.find_text(kArchitectureKey);
  if (architecture == nullptr || *architecture != kModelArchitecture)
    fail(ErrorCode::kInvalidModel, "{}: expected {} to be {}, got {}", where, kArchitectureKey,
         kModelArchitecture, architecture == nullptr ? "nothing" : quoted_name(*architecture));
  const auto version = file.metadata().find(kFormatVersionKey);
  const uint32_t* number =
      version == file.metadata().end() ? nullptr : std::get_if<uint32_t>(&version->second);
  if (number == nullptr || *number < 1)
    fail(ErrorCode::kInvalidModel,
         "{}: expected a file that `stapes quantize` wrote, but it has no {}", where,
         kFormatVersionKey);
  if (*number > kModelFormatVersion)
    fail(ErrorCode::kUnsupported,
         "{}: a newer stapes wrote this file (format version {}; this one reads {})", where,
         *number, kModelFormatVersion);
  const std::string* layout = file.find_text(kTensorLayoutKey);
  if (layout == nullptr || *layout != kTensorLayout)
    fail(ErrorCode::kUnsupported, "{}: expected {} to be {}, got {}", where, kTensorLayoutKey,
         kTensorLayout, layout == nullptr ? "nothing" : quoted_name(*layout));
}

}  // namespace stapes
