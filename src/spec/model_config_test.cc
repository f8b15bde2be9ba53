// Known shapes, reading both forms of config.json, and writing.
#include "spec/model_config.h"

#include <nlohmann/json.hpp>

#include "tensor/test_files.h"

namespace stapes {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using ::testing::Not;

// The flat form, with the numbers of Step-Audio-R1.1 (reference A2, config_origin.json).
const char* const kFlatR1 = R"({
  "architectures": ["StepAudioForCausalLMV2"],
  "model_type": "step_audio_qwen2",
  "bos_token_id": 1,
  "pad_token_id": 151643,
  "eos_token_id": 151643,
  "hidden_size": 5120,
  "intermediate_size": 27648,
  "num_attention_heads": 40,
  "num_attention_groups": 8,
  "num_key_value_heads": 8,
  "num_hidden_layers": 64,
  "max_seq_len": 65536,
  "max_position_embeddings": 65536,
  "vocab_size": 158720,
  "rms_norm_eps": 1e-05,
  "rope_theta": 1000000,
  "rope_scaling": null,
  "torch_dtype": "bfloat16",
  "audio_encoder_config": {
    "n_mels": 128, "n_audio_ctx": 1500, "n_audio_state": 1280, "n_audio_head": 20,
    "n_audio_layer": 32, "n_codebook_size": 4096, "llm_dim": 5120, "kernel_size": 3,
    "adapter_stride": 2
  }
})";

TEST(ModelConfig, ReadsTheFlatForm) {
  const ModelConfig config = parse_config(kFlatR1, "config.json");
  EXPECT_EQ(config.encoder.mel_bands, 128);
  EXPECT_EQ(config.encoder.max_positions, 1500);
  EXPECT_EQ(config.encoder.max_mel_frames(), 3000);
  EXPECT_EQ(config.encoder.width, 1280);
  EXPECT_EQ(config.encoder.heads, 20);
  EXPECT_EQ(config.encoder.layers, 32);
  EXPECT_EQ(config.encoder.feed_forward(), 5120);
  EXPECT_EQ(config.adaptor.kernel, 3);
  EXPECT_EQ(config.adaptor.stride, 2);
  EXPECT_EQ(config.adaptor.hidden_width, 2048);
  EXPECT_EQ(config.decoder.width, 5120);
  EXPECT_EQ(config.decoder.feed_forward, 27648);
  EXPECT_EQ(config.decoder.heads, 40);
  EXPECT_EQ(config.decoder.head_width(), 128);
  EXPECT_EQ(config.decoder.kv_heads, 8);
  EXPECT_EQ(config.decoder.layers, 64);
  EXPECT_EQ(config.decoder.max_positions, 65536);
  EXPECT_EQ(config.decoder.vocabulary, 158720);
  EXPECT_EQ(config.decoder.rms_norm_eps, 1e-5);  // not the 1e-6 of the other releases
  EXPECT_EQ(config.decoder.rope_theta, 1e6);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(151643, 151645, 151665));
  EXPECT_EQ(config.dtype, "bfloat16");
}

TEST(ModelConfig, FlatAndNestedAreTheSame) {
  json flat = json::parse(kFlatR1);
  json nested = {{"architectures", {"StepAudio2ForCausalLM"}},
                 {"model_type", "step_audio_2"},
                 {"audio_encoder_config", flat["audio_encoder_config"]}};
  for (const char* key : {"architectures", "model_type", "audio_encoder_config"}) flat.erase(key);
  nested["text_config"] = flat;
  EXPECT_EQ(to_json(parse_config(nested.dump(), "nested")), to_json(parse_config(kFlatR1, "flat")));
  EXPECT_EQ(to_json(parse_config(kFlatR1, "flat")), to_json(config_like("step-audio-r1")));
}

class KnownShapes : public ::testing::TestWithParam<const char*> {};

TEST_P(KnownShapes, ComeBackFromJson) {
  const std::string text = to_json(config_like(GetParam()));
  EXPECT_EQ(to_json(parse_config(text, "config.json")), text);
  const json written = json::parse(text);
  EXPECT_EQ(written["architectures"], json({"StepAudio2ForCausalLM"}));
  EXPECT_EQ(written["model_type"], "step_audio_2");
  EXPECT_EQ(written["audio_encoder_config"]["llm_dim"], written["text_config"]["hidden_size"]);
}

INSTANTIATE_TEST_SUITE_P(ModelConfig, KnownShapes,
                         ::testing::Values("tiny", "step-audio-2-mini", "step-audio-r1"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(ModelConfig, KnowsMini) {
  const ModelConfig config = config_like("step-audio-2-mini");
  EXPECT_EQ(config.decoder.width, 3584);
  EXPECT_EQ(config.decoder.feed_forward, 18944);
  EXPECT_EQ(config.decoder.heads, 28);
  EXPECT_EQ(config.decoder.kv_heads, 4);
  EXPECT_EQ(config.decoder.layers, 28);
  EXPECT_EQ(config.decoder.max_positions, 16384);
  EXPECT_EQ(config.decoder.rms_norm_eps, 1e-6);
}

TEST(ModelConfig, UnknownShapesAreRefusedWithTheList) {
  expect_error(ErrorCode::kUsage, {"tiny, step-audio-2-mini, step-audio-r1", "\"huge\""},
               [] { config_like("huge"); });
}

TEST(ModelConfig, WritesTheAdaptorsWidthOnlyWhereTheReleaseHasAnother) {
  EXPECT_THAT(to_json(config_like("step-audio-r1")), Not(HasSubstr("adapter_hidden_size")));
  EXPECT_THAT(to_json(config_like("tiny")), HasSubstr("\"adapter_hidden_size\": 256"));
}

std::vector<int64_t> eos_of(int64_t vocabulary, const json& given) {
  json config = json::parse(kFlatR1);
  config["vocab_size"] = vocabulary;
  config["eos_token_id"] = given;
  return parse_config(config.dump(), "config.json").eos_token_ids;
}

TEST(ModelConfig, EosIsTheUnionOfTheReleasesAndTheGiven) {
  EXPECT_THAT(eos_of(158720, nullptr), ElementsAre(151643, 151645, 151665));
  EXPECT_THAT(eos_of(158720, 7), ElementsAre(7, 151643, 151645, 151665));
  EXPECT_THAT(eos_of(158720, {151665, 9, 9}), ElementsAre(9, 151643, 151645, 151665));
}

TEST(ModelConfig, EosOfTheReleaseDoesNotApplyToSmallVocabularies) {
  EXPECT_THAT(eos_of(640, {3}), ElementsAre(3));
  EXPECT_THAT(eos_of(640, {3, 151643}), ElementsAre(3));
  EXPECT_THAT(eos_of(640, nullptr), ElementsAre());
  EXPECT_THAT(eos_of(151645, nullptr), ElementsAre(151643));
}

TEST(ModelConfig, NestedEosMayStandAtTheTop) {
  json config = json::parse(to_json(config_like("tiny")));
  config["text_config"]["eos_token_id"] = {5};
  config["eos_token_id"] = 6;
  EXPECT_THAT(parse_config(config.dump(), "c").eos_token_ids, ElementsAre(5, 6));
}

TEST(ModelConfig, OneOfTwoNamesIsEnough) {
  for (const char* dropped : {"num_attention_groups", "num_key_value_heads"}) {
    json config = json::parse(kFlatR1);
    config.erase(dropped);
    EXPECT_EQ(parse_config(config.dump(), "c").decoder.kv_heads, 8) << dropped;
  }
  for (const char* dropped : {"max_seq_len", "max_position_embeddings"}) {
    json config = json::parse(kFlatR1);
    config.erase(dropped);
    EXPECT_EQ(parse_config(config.dump(), "c").decoder.max_positions, 65536) << dropped;
  }
  for (const char* dropped : {"architectures", "model_type"}) {
    json config = json::parse(kFlatR1);
    config.erase(dropped);
    EXPECT_EQ(parse_config(config.dump(), "c").decoder.layers, 64) << dropped;
  }
}

TEST(ModelConfig, LoadsAFolder) {
  const testing::TemporaryFolder folder;
  expect_error(ErrorCode::kNotFound, {folder.path().string(), "no config.json"},
               [&] { load_config(folder.path()); });
  expect_error(ErrorCode::kNotFound, {"/none is not a folder"},
               [&] { load_config(folder / "none"); });
  testing::put(folder / "config.json", "{");
  expect_error(ErrorCode::kInvalidModel, {(folder / "config.json").string(), "not JSON"},
               [&] { load_config(folder.path()); });
  testing::put(folder / "config.json", kFlatR1);
  EXPECT_EQ(load_config(folder.path()).decoder.layers, 64);
}

}  // namespace
}  // namespace stapes
