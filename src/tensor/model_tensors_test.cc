// Model folders: one file, or the shards that the index names.
#include "base/file.h"
#include "tensor/safetensors.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::put;
using testing::TemporaryFolder;

constexpr const char* kIndex = "model.safetensors.index.json";

void put_shard(const TemporaryFolder& folder, const std::string& file, const std::string& tensor,
               float value) {
  Tensor data({1, 1});
  data.values()[0] = value;
  write_safetensors(folder / file, {{tensor, data.view()}}, DType::kF32);
}

void put_index(const TemporaryFolder& folder, const std::string& weight_map) {
  put(folder / kIndex, R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}");
}

TEST(ModelTensors, ReadsTheShardsThatTheIndexNames) {
  const TemporaryFolder folder;
  put_shard(folder, "model-00001.safetensors", "a", 1);  // Step-Audio-R1.1 has no "-of-00007"
  put_shard(folder, "model-00002.safetensors", "b", 2);
  put_shard(folder, "model.safetensors", "not this", 3);
  put_index(folder, R"({"a":"model-00001.safetensors","b":"model-00002.safetensors"})");
  const ModelTensors model = ModelTensors::open(folder.path());
  EXPECT_EQ(model.tensors().size(), 2U);
  EXPECT_EQ(model.require("a", {1, 1}).f32()[0], 1);
  EXPECT_EQ(model.require("b", {1, 1}).f32()[0], 2);
  EXPECT_EQ(model.file_of("b"), folder / "model-00002.safetensors");
  EXPECT_TRUE(model.contains("a"));
  EXPECT_FALSE(model.contains("not this"));
}

TEST(ModelTensors, ReadsTheOneFileWhereThereIsNoIndex) {
  const TemporaryFolder folder;
  put_shard(folder, "model.safetensors", "a", 1);
  const ModelTensors model = ModelTensors::open(folder.path());
  EXPECT_EQ(model.require("a", {1, 1}).f32()[0], 1);
  EXPECT_EQ(model.file_of("a"), folder / "model.safetensors");
  EXPECT_EQ(model.folder(), folder.path());
}

TEST(ModelTensors, RequireNamesTensorFileAndShapes) {
  const TemporaryFolder folder;
  put_shard(folder, "model.safetensors", "a", 1);
  const ModelTensors model = ModelTensors::open(folder.path());
  expect_error(ErrorCode::kInvalidModel,
               {"tensor a: expected the shape [2, 1], got [1, 1]", "/model.safetensors"}, [&] {
                 model.require("a", {2, 1});
               });
  expect_error(ErrorCode::kInvalidModel, {folder.path().string(), "tensor b of shape [3]"},
               [&] { model.require("b", {3}); });
}

TEST(ModelTensors, SaysWhatAFolderLacks) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::kNotFound,
               {folder.path().string(), "model.safetensors.index.json nor model.safetensors"},
               [&] { ModelTensors::open(folder.path()); });
  expect_error(ErrorCode::kNotFound, {"/none is not a folder"},
               [&] { ModelTensors::open(folder / "none"); });
  expect_error(ErrorCode::kNotFound, {"is not a folder"},
               [&] { ModelTensors::open(put(folder / "file", "x")); });
}

TEST(ModelTensors, RefusesAnIndexThatLies) {
  const TemporaryFolder folder;
  const auto open = [&] { ModelTensors::open(folder.path()); };
  put_shard(folder, "one.safetensors", "a", 1);
  put_shard(folder, "two.safetensors", "b", 2);

  put_index(folder, R"({"a":"one.safetensors","b":"three.safetensors"})");
  expect_error(ErrorCode::kNotFound, {kIndex, "three.safetensors"}, open);
  put_index(folder, R"({"a":"one.safetensors","b":"one.safetensors"})");
  expect_error(ErrorCode::kInvalidModel, {kIndex, "tensor \"b\"", "one.safetensors"}, open);
  put_index(folder, R"({"a":"one.safetensors","c":"two.safetensors"})");
  expect_error(ErrorCode::kInvalidModel, {"tensor \"c\"", "two.safetensors"}, open);

  // A tensor that a shard has and the index does not list: one of the two is wrong.
  write_safetensors(folder / "two.safetensors",
                    {{"b", Tensor({1}).view()}, {"stray", Tensor({1}).view()}}, DType::kF32);
  put_index(folder, R"({"a":"one.safetensors","b":"two.safetensors"})");
  expect_error(ErrorCode::kInvalidModel, {"two.safetensors", "tensor \"stray\"", kIndex}, open);
}

TEST(ModelTensors, RefusesAnIndexThatIsNone) {
  const TemporaryFolder folder;
  for (const char* text : {"", "{", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":3})"}) {
    put(folder / kIndex, text);
    expect_error(ErrorCode::kInvalidModel, {kIndex, "weight_map"},
                 [&] { ModelTensors::open(folder.path()); });
  }
  put_index(folder, R"({"a":7})");
  expect_error(ErrorCode::kInvalidModel, {kIndex, "\"a\"", "got number"},
               [&] { ModelTensors::open(folder.path()); });
}

TEST(ModelTensors, ShardsCannotLeaveTheFolder) {
  const TemporaryFolder outside;
  put_shard(outside, "x.safetensors", "a", 1);
  std::filesystem::create_directory(outside / "model");
  for (const std::string& shard :
       {std::string("../x.safetensors"), (outside / "x.safetensors").string(), std::string(".."),
        std::string("."), std::string(), std::string("..\\\\x.safetensors"),
        std::string("sub/x.safetensors"), std::string("x.bin"), std::string(".safetensors"),
        std::string("x\\u0000.safetensors")}) {
    put(outside / "model" / kIndex, R"({"weight_map":{"a":")" + shard + R"("}})");
    expect_error(ErrorCode::kInvalidModel, {kIndex, "in the same folder"},
                 [&] { ModelTensors::open(outside / "model"); });
  }
}

TEST(ModelTensors, PassesOnWhatIsWrongWithAShard) {
  const TemporaryFolder folder;
  put(folder / "one.safetensors", "short");
  put_index(folder, R"({"a":"one.safetensors"})");
  expect_error(ErrorCode::kInvalidModel, {"one.safetensors", "5 bytes"},
               [&] { ModelTensors::open(folder.path()); });
}

}  // namespace
}  // namespace stapes
