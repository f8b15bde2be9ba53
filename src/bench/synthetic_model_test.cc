#include "bench/synthetic_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "bench/random_fill.h"
#include "bench/synthetic_context.h"
#include "model/model.h"
#include "ops/ops.h"
#include "stapes/error.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

constexpr DType kPlain[] = {DType::kF32, DType::kF16, DType::kBF16};
constexpr DType kQuantized[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K};

std::vector<float> widened_row(const TensorView& view, int64_t row) {
  std::vector<float> values(static_cast<size_t>(view.shape.back()));
  if (is_quantized(view.dtype)) {
    dequantize_tiled_row(view, row, values);
    return values;
  }
  return widened_to_f32(
      {.dtype = view.dtype,
       .shape = {view.shape.back()},
       .data = view.data + static_cast<size_t>(row) * row_bytes(view.dtype, view.shape.back())});
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};
Moments moments(const TensorView& view, int64_t rows) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (const float value : widened_row(view, r)) {
      sum += double{value};
      squares += double{value} * double{value};
      ++count;
    }
  }
  return {sum / count, std::sqrt(squares / count)};
}

// Logits of a prompt with a clip in it, from a model of this type.
Tensor logits_of_tiny(DType type) {
  const auto ops = make_ops(2);
  ThreadPool pool(2);
  const ModelConfig config = bench_config("tiny");
  const Model model = Model::of(
      config, make_synthetic_tensors(config, {.decoder = type, .head = DType::kQ8_0}, pool), *ops);
  Tensor mel({200, config.encoder.mel_bands});
  const Tensor rows = model.audio_rows(mel, AudioRule::kHuggingFace);
  const SyntheticContext context(*ops, KvLayout::of(config.decoder), 1, 40, 40 + rows.dim(0));
  const DecoderStep step{
      .kv = context.view(0), .start_position = 40, .rows = rows.dim(0), .logits = LogitRows::kAll};
  return model.decoder().forward(rows, {&step, 1});
}

TEST(SyntheticModel, EveryTensorOfEveryShapeHasATypeThatFitsIt) {
  for (const std::string& shape : bench_shapes()) {
    const ModelConfig config = bench_config(shape);
    for (const DType type : kQuantized) {
      int64_t decoder_matrices = 0;
      for (const TensorSpec& spec : tensor_table(config)) {
        const DType dtype = plan_tensor(spec, {.decoder = type, .head = DType::kQ6_K}).dtype;
        EXPECT_TRUE(!is_quantized(dtype) || fits_blocks(dtype, spec.shape)) << spec.name;
        EXPECT_TRUE(spec.lowest_precision != Precision::kFloat32 || dtype == DType::kF32)
            << spec.name;
        if (spec.lowest_precision == Precision::kAny && dtype == type) ++decoder_matrices;
      }
      EXPECT_GT(decoder_matrices, 0) << shape << " has no matrix of " << name(type);
    }
  }
}

// Qwen/Qwen2.5-1.5B and -0.5B: parameters without the embedding, as their model cards count
// ("1.31B" and "0.36B").
TEST(SyntheticModel, TheQwenShapesHaveThePublishedSize) {
  const auto without_tables = [](const std::string& shape) {
    int64_t count = 0;
    for (const TensorSpec& spec : tensor_table(bench_config(shape))) {
      if (spec.name.starts_with("model.layers.")) count += element_count(spec.shape);
    }
    return static_cast<double>(count) * 1e-9;
  };
  EXPECT_NEAR(without_tables("qwen2.5-1.5b"), 1.31, 0.005);
  EXPECT_NEAR(without_tables("qwen2.5-0.5b"), 0.36, 0.005);
}

TEST(SyntheticModel, AnUnknownShapeOrTypeIsRefusedWithTheList) {
  try {
    bench_config("qwen9");
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("step-audio-r1, step-audio-r1-audio, qwen2.5-0.5b"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("\"qwen9\""));
  }
  try {
    parse_storage_type("q3_k");
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("q4_0, q4_k"));
  }
}

TEST(SyntheticModel, TensorsHaveMemoryOfTheirOwnAndSaneValues) {
  ThreadPool pool(2);
  const ModelConfig config = bench_config("tiny");
  const StorageTypes types{.decoder = DType::kQ4_0, .head = DType::kQ8_0};
  const ModelTensors tensors = make_synthetic_tensors(config, types, pool);
  check_tensors(tensors, tensor_table(config));
  const std::byte* end = nullptr;
  int64_t bytes = 0;
  for (const TensorSpec& spec : tensor_table(config)) {
    const TensorView& view = tensors.require(spec.name, spec.shape);
    EXPECT_TRUE(end == nullptr || view.data >= end) << spec.name << " overlaps the one before";
    end = view.data + view.size_bytes();
    bytes += static_cast<int64_t>(view.size_bytes());
  }
  EXPECT_LE(bytes, synthetic_model_bytes(config, types));
  for (const float value : tensors.require("model.norm.weight", {192}).f32()) EXPECT_EQ(value, 1);
  const TensorView& up = tensors.require("model.layers.3.mlp.up_proj.weight", {512, 192});
  EXPECT_EQ(up.dtype, DType::kQ4_0);
  EXPECT_NEAR(moments(up, 512).deviation, 0.5 / std::sqrt(192.0), 0.02 * 0.5 / std::sqrt(192.0));
}

// 4 standard errors of a mean of 65,536 values are 1.6 % of the deviation; blocks of 256 weights
// share scales, so their means vary more.
TEST(RandomFill, EveryTypeHasTheDeviationAskedFor) {
  ThreadPool pool(3);
  const Shape shape{128, 512};
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                            DType::kQ4_K, DType::kQ6_K}) {
    TensorView view{.dtype = dtype, .shape = shape};
    std::vector<std::byte> bytes(view.size_bytes());
    fill_random(dtype, 0.05, 7, pool, bytes);
    view.data = bytes.data();
    const Moments found = moments(view, shape[0]);
    EXPECT_NEAR(found.deviation, 0.05, 0.05 * 0.05) << name(dtype);
    EXPECT_NEAR(found.mean, 0, 0.05 * 0.05) << name(dtype);
  }
}

TEST(RandomFill, TheBytesDependOnTheStreamAndNotOnTheThreads) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (const DType dtype : {DType::kBF16, DType::kQ4_K}) {
    std::vector<std::byte> alone(2304 * 300);
    std::vector<std::byte> together(alone.size());
    std::vector<std::byte> other(alone.size());
    fill_random(dtype, 1, 7, one, alone);
    fill_random(dtype, 1, 7, three, together);
    fill_random(dtype, 1, 8, three, other);
    EXPECT_EQ(alone, together);
    EXPECT_NE(alone, other);
  }
}

TEST(RandomFill, Q8_0HasNoQuantOfMinus128) {
  ThreadPool pool(1);
  std::vector<std::byte> bytes(544 * 64);
  fill_random(DType::kQ8_0, 1, 1, pool, bytes);
  for (size_t block = 0; block < bytes.size(); block += 544)
    for (size_t i = 32; i < 544; ++i) EXPECT_NE(bytes[block + i], std::byte{0x80});
}

class SyntheticLogits : public ::testing::TestWithParam<DType> {};

TEST_P(SyntheticLogits, AreFiniteAndNotAllTheSame) {
  const Tensor logits = logits_of_tiny(GetParam());
  ASSERT_GT(logits.element_count(), 0);
  float least = logits.values()[0];
  float most = least;
  for (const float value : logits.values()) {
    ASSERT_TRUE(std::isfinite(value));
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_LT(least, most);
  EXPECT_LT(std::abs(most), 100);
}

std::string type_name(const ::testing::TestParamInfo<DType>& info) {
  return name(info.param);
}
INSTANTIATE_TEST_SUITE_P(Plain, SyntheticLogits, ::testing::ValuesIn(kPlain), type_name);
INSTANTIATE_TEST_SUITE_P(Quantized, SyntheticLogits, ::testing::ValuesIn(kQuantized), type_name);

}  // namespace
}  // namespace stapes
