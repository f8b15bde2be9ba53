// A model (a folder or a GGUF file) with all that generation needs of it: weights, tokenizer, mel,
// recommended sampling.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audio/log_mel.h"
#include "model/kv_view.h"
#include "model/model.h"
#include "ops/ops.h"
#include "spec/model_source.h"
#include "stapes/options.h"
#include "text/tokenizer.h"

namespace stapes {

// generation_config.json, where a folder has one: the fields that Stapes understands.
struct GenerationDefaults {
  SamplingOptions sampling;  // do_sample false: temperature 0
  std::vector<TokenId> eos_token_ids;
};
// Throws kInvalidModel naming the field, what was expected and what came.
GenerationDefaults parse_generation_config(const std::string& json, const std::string& where);

struct LoadedModel {
  std::unique_ptr<const Ops> ops;
  Model model;
  Tokenizer tokenizer;
  LogMel mel;
  SamplingOptions default_sampling;
  std::vector<TokenId> stop_token_ids;  // <|EOT|>, <|endoftext|>, the configuration's eos
  AudioRule audio_rule = AudioRule::kHuggingFace;
  int64_t context_tokens = 0;
  KvLayout kv_layout;
  int64_t max_kv_tokens = 0;
};

// Throws as Tokenizer::parse, and kNotFound where the model has no tokenizer.
Tokenizer load_tokenizer(const ModelSource& source);

// Throws kNotFound, kInvalidModel (a tokenizer larger than the vocabulary: both numbers), kUsage (a
// context longer than the model's), and as layout_of and kv_token_limit.
LoadedModel load_model(const std::filesystem::path& model, const EngineOptions& options);
// With operations of the caller's own.
LoadedModel load_model(const std::filesystem::path& model, const EngineOptions& options,
                       std::unique_ptr<const Ops> ops);

// A model that lies in memory, such as one that is trained: its owner may change the weights while
// no request is unfinished. Nothing of them is kept between requests where
// EngineOptions::prefix_cache is false and clip_cache_bytes is 0.
struct ModelInMemory {
  ModelConfig config;
  ModelTensors tensors;  // ModelTensors::of
  std::string tokenizer_json;
  std::optional<std::string> generation_config_json = {};
  std::string where;  // stands in messages in place of a folder
};
// Throws as load_model of a folder.
LoadedModel load_model(ModelInMemory model, const EngineOptions& options,
                       std::unique_ptr<const Ops> ops);

// How keys and values of a precision lie in pages.
KvLayout layout_of(const DecoderConfig& config, KvPrecision precision);

}  // namespace stapes
