// config.json with one thing wrong: an error that names the file and the field.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "spec/model_config.h"
#include "spec/tensor_table.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using nlohmann::json;
using testing::expect_error;

// The tiny model's config.json with the value at `pointer` replaced, or gone where `value` is
// discarded.
struct BadField {
  std::string pointer;
  json value;
  std::vector<std::string> message;
};

const json kGone(json::value_t::discarded);

void set(json& config, const std::string& pointer, const json& value) {
  const json::json_pointer at(pointer);
  if (value.is_discarded())
    config[at.parent_pointer()].erase(at.back());
  else
    config[at] = value;
}

class BadConfig : public ::testing::TestWithParam<BadField> {};

TEST_P(BadConfig, NamesTheFileAndTheField) {
  json config = json::parse(to_json(config_like("tiny")));
  set(config, GetParam().pointer, GetParam().value);
  std::vector<std::string> message = GetParam().message;
  std::string field = GetParam().pointer.substr(1);
  std::ranges::replace(field, '/', '.');
  message.push_back("folder/config.json: " + field + ":");
  expect_error(ErrorCode::kInvalidModel, message,
               [&] { parse_config(config.dump(), "folder/config.json"); });
}

std::vector<BadField> senseless_numbers() {
  std::vector<BadField> fields;
  for (const char* pointer :
       {"/text_config/hidden_size", "/text_config/intermediate_size",
        "/text_config/num_attention_heads", "/text_config/num_attention_groups",
        "/text_config/num_key_value_heads", "/text_config/num_hidden_layers",
        "/text_config/max_position_embeddings", "/text_config/vocab_size",
        "/audio_encoder_config/n_mels", "/audio_encoder_config/n_audio_ctx",
        "/audio_encoder_config/n_audio_state", "/audio_encoder_config/n_audio_head",
        "/audio_encoder_config/n_audio_layer", "/audio_encoder_config/llm_dim",
        "/audio_encoder_config/kernel_size", "/audio_encoder_config/adapter_stride",
        "/audio_encoder_config/adapter_hidden_size"}) {
    const std::string expected = "expected a whole number from 1 to";
    fields.push_back({pointer, 0, {expected, "got 0"}});
    fields.push_back({pointer, -1, {expected, "got -1"}});
    fields.push_back({pointer, 1.5, {expected, "got 1.5"}});
    fields.push_back({pointer, "8", {expected, "got \"8\""}});
    fields.push_back({pointer, true, {expected, "got true"}});
    fields.push_back({pointer, json::array({8}), {expected, "got an array"}});
    fields.push_back({pointer, 1'000'000'000, {expected, "got 1000000000"}});
    fields.push_back({pointer, ~uint64_t{0}, {expected, "got 18446744073709551615"}});
  }
  for (const char* pointer : {"/text_config/rms_norm_eps", "/text_config/rope_theta"})
    for (const json& value : {json(0), json(-1.0), json(1e300), json("1"), json(nullptr)})
      fields.push_back({pointer, value, {"expected a number above"}});
  return fields;
}

std::vector<BadField> missing_fields() {
  std::vector<BadField> fields;
  for (const char* pointer :
       {"/text_config/hidden_size", "/text_config/intermediate_size",
        "/text_config/num_attention_heads", "/text_config/num_hidden_layers",
        "/text_config/vocab_size", "/text_config/rms_norm_eps", "/text_config/rope_theta",
        "/audio_encoder_config", "/audio_encoder_config/n_mels",
        "/audio_encoder_config/n_audio_ctx", "/audio_encoder_config/n_audio_state",
        "/audio_encoder_config/n_audio_head", "/audio_encoder_config/n_audio_layer",
        "/audio_encoder_config/llm_dim"})
    for (const json& value : {kGone, json(nullptr)})
      fields.push_back({pointer, value, {"but it is missing"}});
  return fields;
}

std::vector<BadField> contradictions() {
  return {
      {"/text_config", 3, {"expected an object, got 3"}},
      {"/audio_encoder_config", "x", {"expected an object, got \"x\""}},
      {"/text_config/num_attention_heads", 5, {"5 heads do not divide", "hidden_size = 192"}},
      {"/text_config/num_attention_heads", 64, {"have 3 values each", "pairs"}},
      {"/text_config/num_attention_groups", 3, {"expected 2 as num_key_value_heads, got 3"}},
      {"/text_config/head_dim", 64, {"= 32, got 64"}},
      {"/text_config/hidden_act", "gelu", {"expected silu, got \"gelu\""}},
      {"/text_config/rope_scaling", json::object({{"type", "yarn"}}), {"expected null"}},
      {"/text_config/tie_word_embeddings", true, {"expected false"}},
      {"/text_config/use_sliding_window", true, {"expected false"}},
      {"/tie_word_embeddings", true, {"expected false"}},
      {"/use_sliding_window", 1, {"expected false", "got 1"}},
      {"/text_config/eos_token_id", "x", {"token id or a list", "got \"x\""}},
      {"/text_config/eos_token_id", {1, 2.5}, {"token id or a list", "got 2.5"}},
      {"/text_config/eos_token_id", 640, {"vocab_size - 1 = 639, got 640"}},
      {"/text_config/eos_token_id", -1, {"got -1"}},
      {"/text_config/eos_token_id", ~uint64_t{0}, {"got 18446744073709551615"}},
      {"/audio_encoder_config/n_audio_head", 7, {"7 heads do not divide", "n_audio_state = 160"}},
      {"/audio_encoder_config/llm_dim", 128, {"hidden_size 192, got 128"}},
      {"/torch_dtype", "int4", {"bfloat16 or float16 or float32", "\"int4\""}},
      {"/model_type", "llama", {"step_audio_2 or step_audio_qwen2", "\"llama\""}},
      {"/model_type", 3, {"step_audio_2 or step_audio_qwen2", "got 3"}},
      {"/architectures",
       {"LlamaForCausalLM"},
       {"StepAudio2ForCausalLM or StepAudioForCausalLMV2", "LlamaForCausalLM"}},
      {"/architectures", json::array(), {"StepAudio2ForCausalLM or", "got an array"}},
      {"/architectures", "StepAudio2ForCausalLM", {"StepAudio2ForCausalLM or"}},
  };
}

INSTANTIATE_TEST_SUITE_P(Numbers, BadConfig, ::testing::ValuesIn(senseless_numbers()));
INSTANTIATE_TEST_SUITE_P(Missing, BadConfig, ::testing::ValuesIn(missing_fields()));
INSTANTIATE_TEST_SUITE_P(Contradictions, BadConfig, ::testing::ValuesIn(contradictions()));

TEST(BadConfig, KeyValueHeadsMustDivideHeadsUnderEitherName) {
  json config = json::parse(to_json(config_like("tiny")));
  config["text_config"]["num_attention_groups"] = 4;
  config["text_config"]["num_key_value_heads"] = 4;
  expect_error(ErrorCode::kInvalidModel, {"4 key/value heads do not divide 6 heads"},
               [&] { parse_config(config.dump(), "c"); });
  config["text_config"].erase("num_attention_groups");
  config["text_config"].erase("num_key_value_heads");
  expect_error(ErrorCode::kInvalidModel, {"num_key_value_heads", "missing"},
               [&] { parse_config(config.dump(), "c"); });
}

TEST(BadConfig, ArchitectureMustBeNamed) {
  json config = json::parse(to_json(config_like("tiny")));
  config.erase("architectures");
  config.erase("model_type");
  expect_error(ErrorCode::kInvalidModel,
               {"c: architectures", "StepAudio2ForCausalLM", "step_audio_2"},
               [&] { parse_config(config.dump(), "c"); });
}

TEST(BadConfig, WhatIsNoObjectIsRefused) {
  for (const std::string& text : {std::string(), std::string("{"), std::string("\xff\xfe"),
                                  std::string("{}{}"), std::string(1000, '[')})
    expect_error(ErrorCode::kInvalidModel, {"where: "}, [&] { parse_config(text, "where"); });
  expect_error(ErrorCode::kInvalidModel, {"expected a JSON object, got an array"},
               [] { parse_config("[]", "where"); });
  expect_error(ErrorCode::kInvalidModel, {"deeper than 32"},
               [] { parse_config(std::string(5'000'000, '['), "where"); });
  expect_error(ErrorCode::kInvalidModel, {"number out of all range"},
               [] { parse_config(R"({"hidden_size":1e999})", "where"); });
}

// Whatever was read can be written, read again, and has a table.
void parse_or_refuse(const std::string& text, int& parsed, int& refused) {
  try {
    const ModelConfig config = parse_config(text, "config.json");
    const std::string written = to_json(config);
    EXPECT_EQ(to_json(parse_config(written, "config.json")), written);
    EXPECT_GT(parameter_count(tensor_table(config)), 0);
    ++parsed;
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::kInvalidModel)) << text;
    ++refused;
  }
}

TEST(BadConfig, RandomDamageToTheTextNeverCrashes) {
  const std::string good = to_json(config_like("tiny"));
  const std::string alphabet = "{}[]\",:0123456789-.eEntu \xff";
  int parsed = 0;
  int refused = 0;
  for (uint64_t round = 0; round < 3000; ++round) {
    Rng rng(3, round);
    std::string text = good;
    for (int64_t edits = rng.integer(1, 3); edits > 0; --edits) {
      const auto at = static_cast<size_t>(rng.integer(0, static_cast<int64_t>(text.size()) - 1));
      switch (rng.integer(0, 3)) {
        case 0:
          text[at] = static_cast<char>(rng.integer(0, 255));
          break;
        case 1:
          text[at] = rng.pick(alphabet);
          break;
        case 2:
          text.erase(at, static_cast<size_t>(rng.integer(1, 20)));
          break;
        default:
          text.insert(at, 1, rng.pick(alphabet));
      }
    }
    parse_or_refuse(text, parsed, refused);
  }
  EXPECT_GT(parsed, 50);
  EXPECT_GT(refused, 500);
}

TEST(BadConfig, RandomValuesNeverCrash) {
  const json good = json::parse(to_json(config_like("tiny")));
  const std::vector<json> odd = {0,
                                 1,
                                 2,
                                 -1,
                                 7,
                                 640,
                                 1 << 17,
                                 1 << 20,
                                 1e30,
                                 1e-30,
                                 nullptr,
                                 true,
                                 false,
                                 "",
                                 "x",
                                 {1, 2},
                                 3.0,
                                 ~0ULL,
                                 INT64_MIN,
                                 INT64_MAX,
                                 json::object(),
                                 json::array()};
  int parsed = 0;
  int refused = 0;
  std::vector<std::string> pointers;
  const json leaves = good.flatten();
  for (const auto& [pointer, value] : leaves.items()) pointers.push_back(pointer);
  for (uint64_t round = 0; round < 3000; ++round) {
    Rng rng(5, round);
    json config = good;
    for (int64_t edits = rng.integer(1, 2); edits > 0; --edits) {
      const json::json_pointer at(rng.pick(pointers));
      if (config.contains(at.parent_pointer())) config[at] = rng.pick(odd);
    }
    parse_or_refuse(config.dump(), parsed, refused);
  }
  EXPECT_GT(parsed, 50);
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace stapes
