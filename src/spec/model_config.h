// config.json of the Step-Audio family, nested (text_config) or flat
// (reference: Step-Audio-R1.1 config.json and config_origin.json; configuration_step_audio_2.py).
// Letters as in ops/ops.h: S frames, M mel bands, D width, H heads, K key/value heads, F
// feed-forward width, V vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stapes {

struct EncoderConfig {
  int64_t mel_bands = 128;       // n_mels, M
  int64_t max_positions = 1500;  // n_audio_ctx: frames after conv2 (two mel frames each)
  int64_t width = 1280;          // n_audio_state
  int64_t heads = 20;            // n_audio_head
  int64_t layers = 32;           // n_audio_layer
  int64_t feed_forward() const { return 4 * width; }
  int64_t max_mel_frames() const { return 2 * max_positions; }
};

struct AdaptorConfig {
  int64_t kernel = 3;  // kernel_size
  int64_t stride = 2;  // adapter_stride
  int64_t hidden_width =
      2048;  // fixed in the release; our small models write "adapter_hidden_size"
};

struct DecoderConfig {
  int64_t width = 0;          // hidden_size, D
  int64_t feed_forward = 0;   // intermediate_size, F
  int64_t heads = 0;          // num_attention_heads, H
  int64_t kv_heads = 0;       // num_attention_groups = num_key_value_heads, K
  int64_t layers = 0;         // num_hidden_layers
  int64_t max_positions = 0;  // max_seq_len / max_position_embeddings
  int64_t vocabulary = 0;     // vocab_size, V
  double rms_norm_eps = 1e-6;
  double rope_theta = 1e6;
  int64_t head_width() const { return width / heads; }
};

struct ModelConfig {
  EncoderConfig encoder;
  AdaptorConfig adaptor;
  DecoderConfig decoder;  // the adaptor's output width (llm_dim) is decoder.width
  // Ascending: what config.json lists, and the release's 151643, 151645, 151665 as its own code
  // adds them, as far as they lie in the vocabulary: a small vocabulary has only the ids it lists
  // (maybe none). Any other listed id outside the vocabulary is an error.
  std::vector<int64_t> eos_token_ids;
  std::string dtype = "bfloat16";  // torch_dtype: how the release stores the tensors
};

// Throws kNotFound (no folder, no config.json), kInvalidModel (not JSON, unknown architecture,
// a missing, mistyped or senseless number: the field's name, what was expected, what came).
ModelConfig load_config(const std::filesystem::path& model_folder);
ModelConfig parse_config(const std::string& json, const std::string& where);
// The nested form, as Step-Audio-R1.1's config.json.
std::string to_json(const ModelConfig& config);

// "tiny", "step-audio-2-mini", "step-audio-r1".
std::vector<std::string> known_shapes();
// Throws kUsage with the list for any other name.
ModelConfig config_like(const std::string& name);

}  // namespace stapes
