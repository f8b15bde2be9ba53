#include "spec/model_source.h"

#include "spec/model_file.h"
#include "spec/tensor_table.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::put;
using testing::TemporaryFolder;

class ModelSourceTest : public ::testing::Test {
 protected:
  // A file whose metadata `change` has had its way with.
  template <typename Change>
  std::filesystem::path write_file(Change&& change) {
    GgufMetadata metadata = model_file_metadata("name", DType::kQ4_0, config_like("tiny"),
                                                {.config_json = to_json(config_like("tiny")),
                                                 .tokenizer_json = "{}",
                                                 .generation_config_json = {}});
    for (size_t i = 0; i < metadata.size();) {
      if (change(metadata[i].first, metadata[i].second))
        ++i;
      else
        metadata.erase(metadata.begin() + static_cast<std::ptrdiff_t>(i));
    }
    const auto path = folder_ / "m.gguf";
    write_gguf(path, metadata, {{"w", DType::kF32, {2}}}, [](size_t, const GgufSink& sink) {
      const std::vector<float> values = {1, 2};
      sink(std::as_bytes(std::span(values)));
    });
    return path;
  }
  // The file where `key` has `value`, or is missing.
  std::filesystem::path file_with(const std::string& key, const std::optional<GgufValue>& value) {
    return write_file([&](const std::string& name, GgufValue& old) {
      if (name != key) return true;
      if (value) old = *value;
      return value.has_value();
    });
  }
  void refused(ErrorCode code, const std::vector<std::string>& parts, const std::string& key,
               const std::optional<GgufValue>& value) {
    const auto path = file_with(key, value);
    expect_error(code, parts, [&] { ModelSource::open(path); });
  }
  TemporaryFolder folder_;
};

TEST_F(ModelSourceTest, AFolderGivesItsFiles) {
  put(folder_ / "config.json", to_json(config_like("tiny")));
  put(folder_ / "tokenizer.json", "{\"t\": 1}");
  const ModelSource source = ModelSource::open(folder_.path());
  EXPECT_FALSE(source.is_file());
  EXPECT_EQ(source.config().decoder.width, 192);
  EXPECT_EQ(source.tokenizer_json().text, "{\"t\": 1}");
  EXPECT_EQ(source.tokenizer_json().where, (folder_ / "tokenizer.json").string());
  EXPECT_FALSE(source.generation_config_json());
  put(folder_ / "generation_config.json", "{}");
  EXPECT_EQ(source.generation_config_json()->text, "{}");
  expect_error(ErrorCode::kNotFound, {"neither"}, [&] { source.tensors(); });
}

TEST_F(ModelSourceTest, AFileGivesTheSame) {
  const auto path = write_file([](const std::string&, GgufValue&) { return true; });
  ModelTensors tensors = ModelTensors::of({}, "", nullptr);
  {
    const ModelSource source = ModelSource::open(path);
    EXPECT_TRUE(source.is_file());
    EXPECT_EQ(source.config().decoder.width, 192);
    EXPECT_EQ(source.tokenizer_json().text, "{}");
    EXPECT_THAT(source.tokenizer_json().where, ::testing::HasSubstr("tokenizer.huggingface.json"));
    EXPECT_FALSE(source.generation_config_json());
    tensors = source.tensors();
  }
  // The tensors keep the file mapped.
  EXPECT_EQ(tensors.require("w", {2}).f32()[1], 2.0F);
  EXPECT_EQ(tensors.file_of("w"), path);
}

TEST_F(ModelSourceTest, WhatIsMissingIsNamed) {
  expect_error(ErrorCode::kNotFound, {"a model folder or a .gguf file", "/none"},
               [&] { ModelSource::open(folder_ / "none"); });
  const ModelSource empty = ModelSource::open(folder_.path());
  expect_error(ErrorCode::kNotFound, {"has no config.json"}, [&] { empty.config(); });
  expect_error(ErrorCode::kNotFound, {"has no tokenizer.json"}, [&] { empty.tokenizer_json(); });
  const auto path = file_with(kTokenizerKey, std::nullopt);
  expect_error(ErrorCode::kNotFound, {"m.gguf has no tokenizer.huggingface.json"},
               [&] { ModelSource::open(path).tokenizer_json(); });
  const auto broken = file_with(kConfigKey, std::string("{"));
  expect_error(ErrorCode::kInvalidModel, {"m.gguf (stapes.config_json)", "JSON"},
               [&] { ModelSource::open(broken).config(); });
}

TEST_F(ModelSourceTest, FilesOfOtherKindsAreRefused) {
  put(folder_ / "m.gguf", "no GGUF");
  expect_error(ErrorCode::kInvalidModel, {"begins with \"GGUF\""},
               [&] { ModelSource::open(folder_ / "m.gguf"); });
  refused(ErrorCode::kInvalidModel, {"general.architecture to be step_audio_2, got \"llama\""},
          "general.architecture", std::string("llama"));
  refused(ErrorCode::kInvalidModel, {"step_audio_2, got nothing"}, "general.architecture", {});
  refused(ErrorCode::kInvalidModel, {"`stapes quantize` wrote", "stapes.format_version"},
          "stapes.format_version", {});
  refused(ErrorCode::kInvalidModel, {"stapes.format_version"}, "stapes.format_version",
          std::string("1"));
  refused(ErrorCode::kUnsupported,
          {"newer stapes wrote this file (format version 2; this one reads 1)"},
          "stapes.format_version", uint32_t{2});
  refused(ErrorCode::kUnsupported, {"stapes.tensor_layout to be rows16, got nothing"},
          "stapes.tensor_layout", {});
  refused(ErrorCode::kUnsupported, {"rows16, got \"rows8\""}, "stapes.tensor_layout",
          std::string("rows8"));
}

// Only matrices that may lose precision may be quantized.
TEST(CheckTensors, QuantizedTensorsWhereTheTableAllowsThem) {
  const auto check = [](const Shape& shape, Precision lowest) {
    const auto owner = std::make_shared<int>(0);
    check_tensors(ModelTensors::of({{"w", {DType::kQ8_0, shape, nullptr}}}, "m.gguf", owner),
                  {{"w", shape, lowest}});
  };
  check({16, 32}, Precision::kBits8);
  check({16, 32}, Precision::kAny);
  expect_error(ErrorCode::kInvalidModel, {"m.gguf", "expected F32, F16 or BF16, got Q8_0"}, [&] {
    check({16, 32}, Precision::kFloat32);
  });
}

}  // namespace
}  // namespace stapes
