// Known shapes, and writing. Reading: parse_config.cc.
#include "spec/model_config.h"

#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "spec/release_tokens.h"

namespace stapes {
namespace {

constexpr int64_t kReleaseVocabulary = 158720;

// Small enough for a repository and two cores; trained by recipes/.
ModelConfig tiny() {
  ModelConfig config;
  config.encoder = {.mel_bands = 80, .max_positions = 1500, .width = 160, .heads = 4, .layers = 3};
  config.adaptor.hidden_width = 256;
  config.decoder = {.width = 192,
                    .feed_forward = 512,
                    .heads = 6,
                    .kv_heads = 2,
                    .layers = 4,
                    .max_positions = 4096,
                    .vocabulary = 640,
                    .rms_norm_eps = 1e-6,
                    .rope_theta = 1e4};
  config.dtype = "float32";
  return config;
}

ModelConfig step_audio_2_mini() {
  ModelConfig config;
  config.decoder = {.width = 3584,
                    .feed_forward = 18944,
                    .heads = 28,
                    .kv_heads = 4,
                    .layers = 28,
                    .max_positions = 16384,
                    .vocabulary = kReleaseVocabulary,
                    .rms_norm_eps = 1e-6,
                    .rope_theta = 1e6};
  config.eos_token_ids.assign(kReleaseEosTokenIds.begin(), kReleaseEosTokenIds.end());
  return config;
}

ModelConfig step_audio_r1() {
  ModelConfig config;
  config.decoder = {.width = 5120,
                    .feed_forward = 27648,
                    .heads = 40,
                    .kv_heads = 8,
                    .layers = 64,
                    .max_positions = 65536,
                    .vocabulary = kReleaseVocabulary,
                    .rms_norm_eps = 1e-5,
                    .rope_theta = 1e6};
  config.eos_token_ids.assign(kReleaseEosTokenIds.begin(), kReleaseEosTokenIds.end());
  return config;
}

struct KnownShape {
  const char* name;
  ModelConfig (*make)();
};
constexpr std::array kKnownShapes = {KnownShape{"tiny", tiny},
                                     KnownShape{"step-audio-2-mini", step_audio_2_mini},
                                     KnownShape{"step-audio-r1", step_audio_r1}};

}  // namespace

std::vector<std::string> known_shapes() {
  std::vector<std::string> names;
  for (const KnownShape& shape : kKnownShapes) names.emplace_back(shape.name);
  return names;
}

ModelConfig config_like(const std::string& name) {
  for (const KnownShape& shape : kKnownShapes)
    if (name == shape.name) return shape.make();
  fail(ErrorCode::kUsage, "expected a known model shape ({}), got \"{}\"",
       fmt::join(known_shapes(), ", "), name);
}

std::string to_json(const ModelConfig& config) {
  using Json = nlohmann::ordered_json;
  const EncoderConfig& encoder = config.encoder;
  const DecoderConfig& decoder = config.decoder;
  Json audio = {{"n_mels", encoder.mel_bands},
                {"n_audio_ctx", encoder.max_positions},
                {"n_audio_state", encoder.width},
                {"n_audio_head", encoder.heads},
                {"n_audio_layer", encoder.layers},
                {"n_codebook_size", 4096},  // unused by the model; the release writes it
                {"llm_dim", decoder.width},
                {"kernel_size", config.adaptor.kernel},
                {"adapter_stride", config.adaptor.stride}};
  // The release has no such field: it is written only where the release's reader would be wrong.
  if (config.adaptor.hidden_width != AdaptorConfig{}.hidden_width)
    audio["adapter_hidden_size"] = config.adaptor.hidden_width;

  Json text = {{"hidden_size", decoder.width},
               {"intermediate_size", decoder.feed_forward},
               {"num_attention_heads", decoder.heads},
               {"num_attention_groups", decoder.kv_heads},
               {"num_key_value_heads", decoder.kv_heads},
               {"num_hidden_layers", decoder.layers},
               {"max_seq_len", decoder.max_positions},
               {"max_position_embeddings", decoder.max_positions},
               {"vocab_size", decoder.vocabulary},
               {"hidden_act", "silu"},
               {"rms_norm_eps", decoder.rms_norm_eps},
               {"rope_theta", decoder.rope_theta},
               {"rope_scaling", nullptr},
               {"eos_token_id", config.eos_token_ids}};
  if (!config.eos_token_ids.empty()) text["pad_token_id"] = config.eos_token_ids.front();

  const Json top = {{"architectures", Json::array({"StepAudio2ForCausalLM"})},
                    {"model_type", "step_audio_2"},
                    {"torch_dtype", config.dtype},
                    {"tie_word_embeddings", false},
                    {"use_sliding_window", false},
                    {"audio_encoder_config", std::move(audio)},
                    {"text_config", std::move(text)}};
  return top.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stapes
