#include "engine/loaded_model.h"
#include "base/available_memory.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/fail.h"
#include "engine/memory_budget.h"
#include "engine/sampler.h"
#include "text/special_tokens.h"

namespace stapes {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

template <typename T>
void read_number(const json& object, const char* field, const std::string& where, T& value) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return;
  const bool fits = std::is_integral_v<T> ? found->is_number_integer() : found->is_number();
  if (!fits)
    fail(ErrorCode::kInvalidModel, "{}: expected {} for \"{}\", got {}", where,
         std::is_integral_v<T> ? "an integer" : "a number", field, found->dump());
  if constexpr (std::is_integral_v<T>) {
    const auto wide = found->template get<int64_t>();
    if (wide < 0 || wide > std::numeric_limits<T>::max())
      fail(ErrorCode::kInvalidModel, "{}: \"{}\" is out of range: {}", where, field, found->dump());
    value = static_cast<T>(wide);
  } else {
    value = found->template get<T>();
  }
}

std::vector<TokenId> read_token_ids(const json& object, const char* field,
                                    const std::string& where) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return {};
  std::vector<TokenId> ids;
  for (const json& id : found->is_array() ? *found : json::array({*found})) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<TokenId>::max())
      fail(ErrorCode::kInvalidModel, "{}: expected token ids for \"{}\", got {}", where, field,
           found->dump());
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

bool read_bool(const json& object, const char* field, const std::string& where, bool otherwise) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    fail(ErrorCode::kInvalidModel, "{}: expected true or false for \"{}\", got {}", where, field,
         found->dump());
  return found->get<bool>();
}

GenerationDefaults read_generation_defaults(const ModelSource& source) {
  const std::optional<ModelText> text = source.generation_config_json();
  return text ? parse_generation_config(text->text, text->where) : GenerationDefaults{};
}

std::vector<TokenId> find_stop_token_ids(const Tokenizer& tokenizer, const ModelConfig& config,
                                         const GenerationDefaults& defaults) {
  std::vector<TokenId> ids = defaults.eos_token_ids;
  for (const std::string_view token : {kTurnEnd, std::string_view("<|endoftext|>")}) {
    if (const auto id = tokenizer.find(token)) ids.push_back(*id);
  }
  for (const int64_t id : config.eos_token_ids) {
    // A small vocabulary may keep the release's eos id, which it does not reach.
    if (id >= 0 && id < static_cast<int64_t>(tokenizer.size()))
      ids.push_back(static_cast<TokenId>(id));
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

void check_tokenizer(const Tokenizer& tokenizer, const ModelConfig& config, const fs::path& model) {
  const auto vocabulary = static_cast<uint64_t>(config.decoder.vocabulary);
  if (tokenizer.size() > vocabulary)
    fail(ErrorCode::kInvalidModel,
         "{}: wrong vocabulary size: the tokenizer has {} tokens, but the model's vocab_size is {}",
         model.string(), tokenizer.size(), vocabulary);
  for (const std::string_view token : {kTurnBegin, kTurnEnd, kAudioStart, kAudioPatch, kAudioEnd})
    tokenizer.require(token);
}

void check_at_least(int64_t least, const char* option, int64_t value) {
  if (value < least) fail(ErrorCode::kUsage, "{} must be {} or more, got {}", option, least, value);
}

void check_engine_options(const EngineOptions& options) {
  check_at_least(0, "clip_cache_bytes", options.clip_cache_bytes);
  check_at_least(1, "max_queued_requests", options.max_queued_requests);
  check_at_least(1, "max_live_sequences", options.max_live_sequences);
  check_at_least(1, "max_unread_deltas", options.max_unread_deltas);
}

int64_t context_size(const EngineOptions& options, const ModelConfig& config) {
  const int64_t longest = config.decoder.max_positions;
  if (options.max_context_tokens < 0 || options.max_context_tokens > longest)
    fail(ErrorCode::kUsage,
         "expected a context of at most {} tokens (what the model allows), got {}", longest,
         options.max_context_tokens);
  return options.max_context_tokens > 0 ? options.max_context_tokens : longest;
}

struct Parts {
  std::unique_ptr<const Ops> ops;
  Model model;
  Tokenizer tokenizer;
  GenerationDefaults defaults;
};

LoadedModel put_together(Parts parts, const EngineOptions& options) {
  const ModelConfig& config = parts.model.config();
  const int64_t context_tokens = context_size(options, config);
  std::vector<TokenId> stop_token_ids =
      find_stop_token_ids(parts.tokenizer, config, parts.defaults);
  const KvLayout kv_layout = layout_of(config.decoder, options.kv_dtype);
  const int64_t max_kv_tokens =
      kv_token_limit({.asked_tokens = options.max_kv_tokens,
                      .context_tokens = context_tokens,
                      .token_bytes = kv_layout.page_bytes() / kv_layout.page_tokens,
                      .weight_bytes = parts.model.weight_bytes(),
                      .available_bytes = available_memory_bytes()});
  LogMel mel(config.encoder.mel_bands);
  return {.ops = std::move(parts.ops),
          .model = std::move(parts.model),
          .tokenizer = std::move(parts.tokenizer),
          .mel = std::move(mel),
          .default_sampling = std::move(parts.defaults.sampling),
          .stop_token_ids = std::move(stop_token_ids),
          .audio_rule = options.audio_rule,
          .context_tokens = context_tokens,
          .kv_layout = kv_layout,
          .max_kv_tokens = max_kv_tokens};
}

}  // namespace

GenerationDefaults parse_generation_config(const std::string& text, const std::string& where) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) fail(ErrorCode::kInvalidModel, "{}: expected a JSON object", where);
  GenerationDefaults defaults;
  SamplingOptions& sampling = defaults.sampling;
  read_number(object, "temperature", where, sampling.temperature);
  read_number(object, "top_p", where, sampling.top_p);
  read_number(object, "top_k", where, sampling.top_k);
  read_number(object, "min_p", where, sampling.min_p);
  read_number(object, "repetition_penalty", where, sampling.repetition_penalty);
  if (!read_bool(object, "do_sample", where, true)) sampling.temperature = 0;
  defaults.eos_token_ids = read_token_ids(object, "eos_token_id", where);
  try {
    check_sampling_options(sampling);
  } catch (const Error& error) {
    fail(ErrorCode::kInvalidModel, "{}: {}", where, error.what());
  }
  return defaults;
}

Tokenizer load_tokenizer(const ModelSource& source) {
  const ModelText text = source.tokenizer_json();
  return Tokenizer::parse(text.text, text.where);
}

KvLayout layout_of(const DecoderConfig& config, KvPrecision precision) {
  KvLayout layout = KvLayout::of(config);
  switch (precision) {
    case KvPrecision::kF32:
      layout.dtype = DType::kF32;
      break;
    case KvPrecision::kBf16:
      layout.dtype = DType::kBF16;
      break;
    case KvPrecision::kInt8:
      layout.dtype = DType::kI8;
      break;
  }
  return layout;
}

LoadedModel load_model(const fs::path& model_path, const EngineOptions& options) {
  return load_model(model_path, options, make_ops(options.threads));
}

LoadedModel load_model(const fs::path& model_path, const EngineOptions& options,
                       std::unique_ptr<const Ops> ops) {
  check_engine_options(options);
  const ModelSource source = ModelSource::open(model_path);
  Model model = Model::open(source, *ops);
  Tokenizer tokenizer = load_tokenizer(source);
  check_tokenizer(tokenizer, model.config(), source.path());
  const GenerationDefaults defaults = read_generation_defaults(source);
  return put_together({std::move(ops), std::move(model), std::move(tokenizer), defaults}, options);
}

LoadedModel load_model(ModelInMemory in_memory, const EngineOptions& options,
                       std::unique_ptr<const Ops> ops) {
  check_engine_options(options);
  Model model = Model::of(std::move(in_memory.config), std::move(in_memory.tensors), *ops);
  Tokenizer tokenizer = Tokenizer::parse(in_memory.tokenizer_json, in_memory.where);
  check_tokenizer(tokenizer, model.config(), in_memory.where);
  GenerationDefaults defaults;
  if (in_memory.generation_config_json)
    defaults = parse_generation_config(*in_memory.generation_config_json, in_memory.where);
  return put_together({std::move(ops), std::move(model), std::move(tokenizer), std::move(defaults)},
                      options);
}

}  // namespace stapes
