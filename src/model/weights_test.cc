// Loading: every tensor is asked for, nothing is copied, and misfits are named.
#include "model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "model/model.h"
#include "model/random_model.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;
using testing::RandomModelFolder;
using testing::small_config;

std::string load_error(RandomModelFolder& folder,
                       const std::function<void(std::vector<TensorSpec>&)>& change) {
  std::vector<TensorSpec> table = tensor_table(folder.config());
  change(table);
  folder.write(table);
  const auto ops = make_ops(1);
  try {
    Model::open(folder.path(), *ops);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
    return error.what();
  }
  return "no error";
}

TensorSpec& find(std::vector<TensorSpec>& table, const std::string& name) {
  const auto found = std::ranges::find(table, name, &TensorSpec::name);
  if (found == table.end()) throw std::logic_error("no " + name);
  return *found;
}

TEST(LoadWeights, ViewsAreTheMappedFileItself) {
  const RandomModelFolder folder(small_config(), DType::kBF16);
  const ModelTensors tensors = ModelTensors::open(folder.path());
  const auto ops = make_ops(1);
  const ModelWeights weights = load_weights(tensors, folder.config(), *ops);
  EXPECT_EQ(weights.decoder.layers.size(), 3U);
  EXPECT_EQ(weights.encoder.blocks.size(), 2U);
  const auto& head = tensors.tensors().at("lm_head.weight");
  EXPECT_EQ(weights.decoder.lm_head.weight.data, head.data);
  EXPECT_EQ(weights.decoder.lm_head.weight.dtype, DType::kBF16);
  EXPECT_EQ(weights.encoder.blocks[1].mlp_down.bias.data,
            tensors.tensors().at("encoder.blocks.1.mlp.2.bias").data);
  EXPECT_EQ(weights.decoder.layers[2].q_proj.bias.data,
            tensors.tensors().at("model.layers.2.self_attn.q_proj.bias").data);
  EXPECT_EQ(weights.encoder.blocks[0].key.bias.data, nullptr);
}

TEST(LoadWeights, AMissingTensorIsNamed) {
  RandomModelFolder folder(small_config());
  const std::string text = load_error(folder, [](std::vector<TensorSpec>& table) {
    std::erase_if(table, [](const TensorSpec& spec) {
      return spec.name == "model.layers.1.mlp.up_proj.weight";
    });
  });
  EXPECT_THAT(text, HasSubstr("model.layers.1.mlp.up_proj.weight"));
}

TEST(LoadWeights, AnExtraTensorIsNamed) {
  RandomModelFolder folder(small_config());
  const std::string text = load_error(folder, [](std::vector<TensorSpec>& table) {
    table.push_back({"encoder.blocks.0.attn.key.bias", {36}, Precision::kAny});
  });
  EXPECT_THAT(text, HasSubstr("encoder.blocks.0.attn.key.bias"));
}

TEST(LoadWeights, AMisshapenTensorIsNamedWithBothShapes) {
  RandomModelFolder folder(small_config());
  const std::string text = load_error(folder, [](std::vector<TensorSpec>& table) {
    find(table, "adapter.linear2.weight").shape = {61, 27};
  });
  EXPECT_THAT(text, HasSubstr("adapter.linear2.weight"));
  EXPECT_THAT(text, HasSubstr("[61, 27]"));
  EXPECT_THAT(text, HasSubstr("[60, 27]"));
}

TEST(LoadWeights, AFolderWithoutAConfigIsNotFound) {
  const auto ops = make_ops(1);
  try {
    Model::open("no/such/folder", *ops);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("no/such/folder"));
  }
}

}  // namespace
}  // namespace stapes
