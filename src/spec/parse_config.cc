#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "spec/model_config.h"
#include "spec/release_tokens.h"

namespace stapes {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr size_t kMaxConfigBytes = 16 << 20;
constexpr int kMaxDepth = 32;

// Far above every known model, far below what would overflow a product of four of them.
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeads = 1024;
constexpr int64_t kMaxWidth = 1 << 17;
constexpr int64_t kMaxFeedForward = 1 << 20;
constexpr int64_t kMaxPositions = 1 << 24;
constexpr int64_t kMaxVocabulary = 1 << 24;
constexpr int64_t kMaxMelBands = 1024;
constexpr int64_t kMaxKernel = 64;

constexpr std::array kArchitectures = {"StepAudio2ForCausalLM", "StepAudioForCausalLMV2"};
constexpr std::array kModelTypes = {"step_audio_2", "step_audio_qwen2"};
constexpr std::array kDTypes = {"bfloat16", "float16", "float32"};

// A value as it may stand in a message.
std::string described(const json& value) {
  constexpr size_t kMaxChars = 80;
  if (value.is_object() || value.is_array()) return fmt::format("an {}", value.type_name());
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  return text.size() <= kMaxChars ? text : text.substr(0, kMaxChars) + "...";
}

// One object of config.json, with the name that its fields have in messages. A field that is null
// counts as absent, as in the release's own code.
class Fields {
 public:
  Fields(const json& object, std::string where, std::string prefix)
      : object_(object), where_(std::move(where)), prefix_(std::move(prefix)) {}

  template <typename... Args>
  [[noreturn]] void refuse(const char* key, fmt::format_string<Args...> format,
                           Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}{}: {}", where_, prefix_, key,
         fmt::format(format, std::forward<Args>(args)...));
  }

  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<int64_t> optional_whole(const char* key, int64_t low, int64_t high) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer() || *value < low || *value > high)
      refuse(key, "expected a whole number from {} to {}, got {}", low, high, described(*value));
    return value->get<int64_t>();
  }

  int64_t whole(const char* key, int64_t high) const {
    const std::optional<int64_t> value = optional_whole(key, 1, high);
    if (!value) refuse(key, "expected a whole number from 1 to {}, but it is missing", high);
    return *value;
  }

  double number(const char* key, double above, double high) const {
    const json* value = find(key);
    if (value == nullptr)
      refuse(key, "expected a number above {} and up to {}, but it is missing", above, high);
    if (!value->is_number() || !(value->get<double>() > above && value->get<double>() <= high))
      refuse(key, "expected a number above {} and up to {}, got {}", above, high,
             described(*value));
    return value->get<double>();
  }

  // Absent, or one of the known strings.
  template <size_t N>
  std::optional<std::string> optional_one_of(const char* key,
                                             const std::array<const char*, N>& known) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string() ||
        std::ranges::find(known, value->get_ref<const std::string&>()) == known.end())
      refuse(key, "expected {}, got {}", fmt::join(known, " or "), described(*value));
    return value->get<std::string>();
  }

  // A switch of the configuration code that would change the arithmetic: it must be off.
  void require_off(const char* key) const {
    const json* value = find(key);
    if (value == nullptr || (value->is_boolean() && !value->get<bool>())) return;
    refuse(key, "expected false (Stapes does not implement it), got {}", described(*value));
  }

  Fields object(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) refuse(key, "expected an object, but it is missing");
    if (!value->is_object()) refuse(key, "expected an object, got {}", described(*value));
    return {*value, where_, prefix_ + key + "."};
  }

 private:
  const json& object_;
  std::string where_;
  std::string prefix_;
};

json parse_object(const std::string& text, const std::string& where) {
  const auto shallow = [&](int depth, json::parse_event_t, const json&) {
    if (depth > kMaxDepth)
      fail(ErrorCode::kInvalidModel, "{}: nested deeper than {} levels", where, kMaxDepth);
    return true;
  };
  try {
    json top = json::parse(text, shallow);
    if (!top.is_object())
      fail(ErrorCode::kInvalidModel, "{}: expected a JSON object, got {}", where, described(top));
    return top;
  } catch (const json::parse_error& error) {
    fail(ErrorCode::kInvalidModel, "{}: not JSON (at byte {})", where, error.byte);
  } catch (const json::out_of_range&) {
    fail(ErrorCode::kInvalidModel, "{}: has a number out of all range", where);
  }
}

void check_architecture(const Fields& top) {
  bool named = top.optional_one_of("model_type", kModelTypes).has_value();
  if (const json* list = top.find("architectures"); list != nullptr) {
    const auto is_known = [](const json& item) {
      return item.is_string() &&
             std::ranges::find(kArchitectures, item.get_ref<const std::string&>()) !=
                 kArchitectures.end();
    };
    if (!list->is_array() || std::ranges::none_of(*list, is_known))
      top.refuse(
          "architectures", "expected {}, got {}", fmt::join(kArchitectures, " or "),
          list->is_array() && list->size() == 1 ? described(list->front()) : described(*list));
    named = true;
  }
  if (!named)
    top.refuse("architectures", "expected {}, but neither it nor model_type ({}) is there",
               fmt::join(kArchitectures, " or "), fmt::join(kModelTypes, " or "));
}

EncoderConfig parse_encoder(const Fields& audio) {
  EncoderConfig encoder;
  encoder.mel_bands = audio.whole("n_mels", kMaxMelBands);
  encoder.max_positions = audio.whole("n_audio_ctx", kMaxPositions);
  encoder.width = audio.whole("n_audio_state", kMaxWidth);
  encoder.heads = audio.whole("n_audio_head", kMaxHeads);
  encoder.layers = audio.whole("n_audio_layer", kMaxLayers);
  if (encoder.width % encoder.heads != 0)
    audio.refuse("n_audio_head", "{} heads do not divide the width n_audio_state = {}",
                 encoder.heads, encoder.width);
  return encoder;
}

AdaptorConfig parse_adaptor(const Fields& audio, int64_t decoder_width) {
  AdaptorConfig adaptor;
  adaptor.kernel = audio.optional_whole("kernel_size", 1, kMaxKernel).value_or(adaptor.kernel);
  adaptor.stride = audio.optional_whole("adapter_stride", 1, kMaxKernel).value_or(adaptor.stride);
  adaptor.hidden_width =
      audio.optional_whole("adapter_hidden_size", 1, kMaxWidth).value_or(adaptor.hidden_width);
  if (const int64_t llm_dim = audio.whole("llm_dim", kMaxWidth); llm_dim != decoder_width)
    audio.refuse("llm_dim", "expected the decoder's hidden_size {}, got {}", decoder_width,
                 llm_dim);
  return adaptor;
}

// num_attention_groups is Step's own name, num_key_value_heads that of Qwen2: one is enough, two
// must be equal (as the release's configuration code asserts).
int64_t parse_kv_heads(const Fields& text) {
  const auto groups = text.optional_whole("num_attention_groups", 1, kMaxHeads);
  const auto kv_heads = text.optional_whole("num_key_value_heads", 1, kMaxHeads);
  if (groups && kv_heads && *groups != *kv_heads)
    text.refuse("num_attention_groups", "expected {} as num_key_value_heads, got {}", *kv_heads,
                *groups);
  return groups ? *groups : text.whole("num_key_value_heads", kMaxHeads);
}

int64_t parse_max_positions(const Fields& text) {
  // The release writes both, with one value; its code uses max_position_embeddings.
  const auto max_seq_len = text.optional_whole("max_seq_len", 1, kMaxPositions);
  if (max_seq_len && text.find("max_position_embeddings") == nullptr) return *max_seq_len;
  return text.whole("max_position_embeddings", kMaxPositions);
}

// What would change the arithmetic of Qwen2 as Stapes implements it.
void check_supported(const Fields& text) {
  constexpr std::array<const char*, 1> kActivations = {"silu"};
  text.optional_one_of("hidden_act", kActivations);
  text.require_off("use_sliding_window");
  text.require_off("tie_word_embeddings");
  if (const json* scaling = text.find("rope_scaling"); scaling != nullptr)
    text.refuse("rope_scaling", "expected null (Stapes does not implement it), got {}",
                described(*scaling));
}

DecoderConfig parse_decoder(const Fields& text) {
  DecoderConfig decoder;
  decoder.width = text.whole("hidden_size", kMaxWidth);
  decoder.feed_forward = text.whole("intermediate_size", kMaxFeedForward);
  decoder.heads = text.whole("num_attention_heads", kMaxHeads);
  decoder.kv_heads = parse_kv_heads(text);
  decoder.layers = text.whole("num_hidden_layers", kMaxLayers);
  decoder.max_positions = parse_max_positions(text);
  decoder.vocabulary = text.whole("vocab_size", kMaxVocabulary);
  decoder.rms_norm_eps = text.number("rms_norm_eps", 0, 0.1);
  decoder.rope_theta = text.number("rope_theta", 1, 1e12);

  if (decoder.width % decoder.heads != 0)
    text.refuse("num_attention_heads", "{} heads do not divide the width hidden_size = {}",
                decoder.heads, decoder.width);
  if (decoder.head_width() % 2 != 0)
    text.refuse("num_attention_heads",
                "{} heads of a width of {} have {} values each, but rotary positions need pairs",
                decoder.heads, decoder.width, decoder.head_width());
  if (decoder.heads % decoder.kv_heads != 0)
    text.refuse("num_key_value_heads", "{} key/value heads do not divide {} heads",
                decoder.kv_heads, decoder.heads);
  const auto head_width = text.optional_whole("head_dim", 1, kMaxWidth);
  if (head_width && *head_width != decoder.head_width())
    text.refuse("head_dim", "expected hidden_size / num_attention_heads = {}, got {}",
                decoder.head_width(), *head_width);
  check_supported(text);
  return decoder;
}

void collect_eos(const Fields& fields, int64_t vocabulary, std::set<int64_t>& ids) {
  const json* given = fields.find("eos_token_id");
  if (given == nullptr) return;
  const json list = given->is_array() ? *given : json::array({*given});
  for (const json& id : list) {
    if (!id.is_number_integer())
      fields.refuse("eos_token_id", "expected a token id or a list of them, got {}", described(id));
    const bool in_vocabulary = id >= 0 && id < vocabulary;
    const bool of_release =
        std::ranges::find(kReleaseEosTokenIds, id.get<int64_t>()) != kReleaseEosTokenIds.end();
    if (!in_vocabulary && !of_release)
      fields.refuse("eos_token_id", "expected ids from 0 to vocab_size - 1 = {}, got {}",
                    vocabulary - 1, described(id));
    if (in_vocabulary) ids.insert(id.get<int64_t>());
  }
}

}  // namespace

ModelConfig parse_config(const std::string& text_of_json, const std::string& where) {
  const json object = parse_object(text_of_json, where);
  const Fields top(object, where, "");
  check_architecture(top);
  const Fields text = top.find("text_config") != nullptr ? top.object("text_config") : top;
  const Fields audio = top.object("audio_encoder_config");

  ModelConfig config;
  config.decoder = parse_decoder(text);
  config.encoder = parse_encoder(audio);
  config.adaptor = parse_adaptor(audio, config.decoder.width);
  top.require_off("use_sliding_window");
  top.require_off("tie_word_embeddings");

  std::set<int64_t> eos;
  for (const int64_t id : kReleaseEosTokenIds)
    if (id < config.decoder.vocabulary) eos.insert(id);
  collect_eos(text, config.decoder.vocabulary, eos);
  collect_eos(top, config.decoder.vocabulary, eos);
  config.eos_token_ids.assign(eos.begin(), eos.end());

  const auto dtype = top.optional_one_of("torch_dtype", kDTypes);
  config.dtype = dtype ? *dtype : top.optional_one_of("dtype", kDTypes).value_or(config.dtype);
  return config;
}

ModelConfig load_config(const fs::path& model_folder) {
  std::error_code error;
  if (!fs::is_directory(model_folder, error))
    fail(ErrorCode::kNotFound, "expected a model folder, but {} is not a folder",
         model_folder.string());
  const fs::path path = model_folder / "config.json";
  if (!fs::exists(path, error))
    fail(ErrorCode::kNotFound, "the model folder {} has no config.json", model_folder.string());
  return parse_config(read_file(path, kMaxConfigBytes), path.string());
}

}  // namespace stapes
