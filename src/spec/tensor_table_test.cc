// The table against the releases' known counts, and folders against the table. No weights needed.
#include "spec/tensor_table.h"

#include <algorithm>
#include <map>
#include <set>

#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

const TensorSpec& find(const std::vector<TensorSpec>& table, const std::string& name) {
  const auto found = std::ranges::find(table, name, &TensorSpec::name);
  if (found == table.end()) throw std::runtime_error("no tensor " + name);
  return *found;
}

// The decoder of Qwen2 and the audio side (reference A3), summed by formula instead of by list.
int64_t parameters_by_formula(int64_t width, int64_t feed_forward, int64_t kv_width,
                              int64_t layers) {
  const int64_t vocabulary = 158720;
  const int64_t attention = 2 * width * width + width + 2 * (width + 1) * kv_width;
  const int64_t decoder =
      2 * vocabulary * width + width + layers * (attention + 3 * width * feed_forward + 2 * width);
  const int64_t a = 1280;  // the audio side's width
  const int64_t stem = (128 * 3 + 1) * a + (a * 3 + 1) * a + 1500 * a;
  const int64_t block = 4 * a * a + 3 * a + 8 * a * a + 5 * a + 4 * a;
  const int64_t adaptor = (a * 3 + 1) * a + (a + 1) * 2048 + (2048 + 1) * width;
  return decoder + stem + 32 * block + 2 * a + adaptor;
}

TEST(TensorTable, HasTheCountsOfStepAudioR1) {
  const std::vector<TensorSpec> table = tensor_table(config_like("step-audio-r1"));
  EXPECT_EQ(table.size(), 1264U);
  EXPECT_EQ(parameter_count(table), 33'487'033'600);  // 33.487 B, 66.97 GB of bf16
  EXPECT_EQ(parameter_count(table), parameters_by_formula(5120, 27648, 8 * 128, 64));
}

TEST(TensorTable, HasTheCountsOfStepAudio2Mini) {
  const std::vector<TensorSpec> table = tensor_table(config_like("step-audio-2-mini"));
  EXPECT_EQ(table.size(), 832U);
  EXPECT_EQ(parameter_count(table), 8'315'179'264);  // 8.315 B, 16.63 GB of bf16: its shards
  EXPECT_EQ(parameter_count(table), parameters_by_formula(3584, 18944, 4 * 128, 28));
}

TEST(TensorTable, TheAudioSideHas493Tensors) {
  const auto is_audio = [](const TensorSpec& spec) {
    return spec.name.starts_with("encoder.") || spec.name.starts_with("adapter.");
  };
  EXPECT_EQ(std::ranges::count_if(tensor_table(config_like("step-audio-r1")), is_audio), 493);
}

TEST(TensorTable, NamesAndShapesAreTheReleases) {
  const std::vector<TensorSpec> table = tensor_table(config_like("step-audio-r1"));
  const std::map<std::string, Shape> expected = {
      {"encoder.conv1.weight", {1280, 128, 3}},
      {"encoder.conv2.bias", {1280}},
      {"encoder.positional_embedding.weight", {1500, 1280}},
      {"encoder.blocks.31.attn.key.weight", {1280, 1280}},
      {"encoder.blocks.0.attn.query.bias", {1280}},
      {"encoder.blocks.0.attn_ln.bias", {1280}},
      {"encoder.blocks.0.mlp.0.weight", {5120, 1280}},
      {"encoder.blocks.0.mlp.2.weight", {1280, 5120}},
      {"encoder.blocks.0.mlp_ln.weight", {1280}},
      {"encoder.after_norm.weight", {1280}},
      {"adapter.conv.weight", {1280, 1280, 3}},
      {"adapter.linear1.weight", {2048, 1280}},
      {"adapter.linear2.bias", {5120}},
      {"model.embed_tokens.weight", {158720, 5120}},
      {"model.layers.63.self_attn.q_proj.weight", {5120, 5120}},
      {"model.layers.63.self_attn.k_proj.weight", {1024, 5120}},
      {"model.layers.63.self_attn.v_proj.bias", {1024}},
      {"model.layers.0.self_attn.o_proj.weight", {5120, 5120}},
      {"model.layers.0.mlp.gate_proj.weight", {27648, 5120}},
      {"model.layers.0.mlp.down_proj.weight", {5120, 27648}},
      {"model.layers.0.input_layernorm.weight", {5120}},
      {"model.layers.0.post_attention_layernorm.weight", {5120}},
      {"model.norm.weight", {5120}},
      {"lm_head.weight", {158720, 5120}},
  };
  for (const auto& [name, shape] : expected) EXPECT_EQ(find(table, name).shape, shape) << name;
  for (const char* absent :
       {"encoder.blocks.0.attn.key.bias", "model.layers.0.self_attn.o_proj.bias",
        "encoder.blocks.32.attn.key.weight", "model.layers.64.mlp.up_proj.weight"})
    EXPECT_THROW(find(table, absent), std::runtime_error) << absent;
  EXPECT_EQ(table.front().name, "encoder.conv1.weight");
  EXPECT_EQ(table.back().name, "lm_head.weight");
  std::set<std::string> names;
  for (const TensorSpec& spec : table) EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
}

TEST(TensorTable, OnlyMatricesMayLosePrecision) {
  for (const TensorSpec& spec : tensor_table(config_like("step-audio-2-mini"))) {
    const bool is_audio = spec.name.starts_with("encoder.") || spec.name.starts_with("adapter.");
    const bool is_vocabulary =
        spec.name == "model.embed_tokens.weight" || spec.name == "lm_head.weight";
    Precision expected = Precision::kAny;
    if (spec.shape.size() == 1 || spec.name == "encoder.positional_embedding.weight")
      expected = Precision::kFloat32;
    else if (is_audio)
      expected = Precision::kBits8;
    else if (is_vocabulary)
      expected = Precision::kBits6;
    EXPECT_EQ(static_cast<int>(spec.lowest_precision), static_cast<int>(expected)) << spec.name;
  }
}

// A folder with every tensor of a very small model, zero.
class TensorFolder : public ::testing::Test {
 protected:
  TensorFolder() {
    ModelConfig config = config_like("tiny");
    config.encoder = {.mel_bands = 2, .max_positions = 4, .width = 4, .heads = 2, .layers = 1};
    config.adaptor.hidden_width = 3;
    config.decoder = {.width = 4,
                      .feed_forward = 6,
                      .heads = 2,
                      .kv_heads = 1,
                      .layers = 1,
                      .max_positions = 8,
                      .vocabulary = 10};
    table_ = tensor_table(config);
    for (const TensorSpec& spec : table_) tensors_.emplace(spec.name, spec.shape);
  }

  void check() {
    std::vector<NamedTensor> named;
    for (const auto& [name, tensor] : tensors_) named.push_back({name, tensor.view()});
    write_safetensors(folder_ / "model.safetensors", named, DType::kBF16);
    check_tensors(ModelTensors::open(folder_.path()), table_);
  }

  TemporaryFolder folder_;
  std::vector<TensorSpec> table_;
  std::map<std::string, Tensor> tensors_;
};

TEST_F(TensorFolder, IsAcceptedWhenComplete) {
  EXPECT_NO_THROW(check());
}

TEST_F(TensorFolder, MissingTensorsAreNamed) {
  tensors_.erase("adapter.conv.bias");
  expect_error(ErrorCode::kInvalidModel,
               {folder_.path().string(), "expected a tensor adapter.conv.bias of shape [4]"},
               [&] { check(); });
}

TEST_F(TensorFolder, ExtraTensorsAreNamed) {
  tensors_.emplace("rotary.inv_freq", Shape{2});
  expect_error(ErrorCode::kInvalidModel,
               {"/model.safetensors: tensor rotary.inv_freq of shape [2] is not part"},
               [&] { check(); });
}

TEST_F(TensorFolder, MisShapedTensorsAreNamed) {
  tensors_.insert_or_assign("lm_head.weight", Tensor({11, 4}));
  expect_error(
      ErrorCode::kInvalidModel,
      {"/model.safetensors: tensor lm_head.weight: expected the shape [10, 4], got [11, 4]"},
      [&] { check(); });
}

TEST_F(TensorFolder, TheFirstProblemIsNamedAndTheOthersCounted) {
  tensors_.insert_or_assign("lm_head.weight", Tensor({11, 4}));
  tensors_.erase("encoder.conv1.weight");
  expect_error(ErrorCode::kInvalidModel, {"encoder.conv1.weight", "(and 1 more problem)"},
               [&] { check(); });
  tensors_.emplace("x", Shape{1});
  expect_error(ErrorCode::kInvalidModel, {"encoder.conv1.weight", "(and 2 more problems)"},
               [&] { check(); });
}

TEST_F(TensorFolder, IntegersAreNoWeights) {
  testing::put(folder_ / "model.safetensors",
               testing::safetensors_bytes(
                   R"({"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", "1234"));
  expect_error(ErrorCode::kInvalidModel, {"tensor w: expected F32, F16 or BF16, got I32"}, [&] {
    check_tensors(ModelTensors::open(folder_.path()), {{"w", {1}, Precision::kAny}});
  });
}

}  // namespace
}  // namespace stapes
