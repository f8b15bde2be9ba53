// Adapters on disk: ours come back bit for bit, peft's are read, and broken ones say what is wrong.
#include "train/nn/lora_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tensor/safetensors.h"
#include "train/testing/runs.h"
#include "train/testing/small_model.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using torch::Tensor;

class LoraFileTest : public ::testing::Test {
 protected:
  LoraFileTest()
      : folder_(fs::path(::testing::TempDir()) /
                ("stapes-lora-file-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    write_adapter(folder_, random_lora(config_, 3, {"q_proj", "linear1"}), "base/model");
  }
  ~LoraFileTest() override { fs::remove_all(folder_); }

  json config_json() const { return json::parse(read_file(folder_ / "adapter_config.json")); }
  void change_config(const char* key, const json& value) const {
    json config = config_json();
    config[key] = value;
    write_file_atomically(folder_ / "adapter_config.json", config.dump());
  }

  using Tensors = std::map<std::string, Tensor>;
  Tensors tensors() const {
    const auto file = SafetensorsFile::open(folder_ / "adapter_model.safetensors");
    Tensors all;
    for (const auto& [name, view] : file.tensors())
      all[name] = torch::tensor(widened_to_f32(view)).view(view.shape);
    return all;
  }
  void write(const Tensors& all, DType dtype = DType::kF32) const {
    std::vector<NamedTensor> named;
    for (const auto& [name, tensor] : all) named.push_back({name, view_of(tensor)});
    write_safetensors(folder_ / "adapter_model.safetensors", named, dtype);
  }
  std::string refused() const {
    return refusal([&] { read_adapter(folder_, config_); });
  }

  const ModelConfig config_ = small_config();
  const fs::path folder_;
  const std::string q_ = "base_model.model.model.layers.1.self_attn.q_proj";
};

TEST_F(LoraFileTest, WhatWasWrittenComesBackBitForBit) {
  const Lora written = random_lora(config_, 3, {"q_proj", "linear1"});
  const Lora read = read_adapter(folder_, config_);
  ASSERT_EQ(read.pairs().size(), 3u);
  EXPECT_EQ(read.settings().rank, 3);
  EXPECT_EQ(read.settings().alpha, 6);
  EXPECT_EQ(read.settings().targets, written.settings().targets);
  for (const auto& [module, pair] : written.pairs()) {
    EXPECT_TRUE(torch::equal(read.find(module)->a, pair.a)) << module;
    EXPECT_TRUE(torch::equal(read.find(module)->b, pair.b)) << module;
    EXPECT_EQ(read.find(module)->scale, 2);
  }
}

// The names and fields that Python's peft reads.
TEST_F(LoraFileTest, HasPeftsNamesAndFields) {
  const Tensors all = tensors();
  EXPECT_EQ(all.size(), 6u);
  ASSERT_TRUE(all.contains(q_ + ".lora_A.weight"));
  EXPECT_EQ(all.at(q_ + ".lora_A.weight").sizes(), (std::vector<int64_t>{3, 24}));
  EXPECT_EQ(all.at(q_ + ".lora_B.weight").sizes(), (std::vector<int64_t>{24, 3}));
  EXPECT_TRUE(all.contains("base_model.model.adapter.linear1.lora_B.weight"));
  const json config = config_json();
  EXPECT_EQ(config.at("peft_type"), "LORA");
  EXPECT_EQ(config.at("r"), 3);
  EXPECT_EQ(config.at("lora_alpha"), 6);
  EXPECT_EQ(config.at("target_modules"), (json{"q_proj", "linear1"}));
  EXPECT_EQ(config.at("base_model_name_or_path"), "base/model");
  EXPECT_EQ(config.at("bias"), "none");
}

TEST_F(LoraFileTest, ReadsOthersWaysOfSayingIt) {
  change_config("use_rslora", true);
  EXPECT_NEAR(read_adapter(folder_, config_).find("adapter.linear1")->scale, 6 / std::sqrt(3.0),
              1e-12);
  change_config("use_rslora", false);
  write(tensors(), DType::kBF16);
  EXPECT_EQ(read_adapter(folder_, config_).pairs().size(), 3u);
  // A pattern, or "all-linear": then the tensors say what is adapted; so they do where a part of
  // the layers is left out.
  change_config("target_modules", ".*(q_proj|linear1)$");
  EXPECT_THAT(read_adapter(folder_, config_).settings().targets,
              ::testing::Contains("adapter.linear1"));
  change_config("target_modules", {"q_proj", "linear1"});
  Tensors fewer = tensors();
  for (const char* which : {".lora_A.weight", ".lora_B.weight"}) fewer.erase(q_ + which);
  write(fewer);
  EXPECT_THAT(refused(), HasSubstr(q_ + ".lora_A.weight is missing"));
  change_config("layers_to_transform", {0});
  EXPECT_EQ(read_adapter(folder_, config_).pairs().size(), 2u);
}

TEST_F(LoraFileTest, SaysWhatIsWrongWithTheTensors) {
  const Tensors good = tensors();
  Tensors bad = good;
  bad.erase(q_ + ".lora_B.weight");
  write(bad);
  EXPECT_THAT(refused(), HasSubstr(q_ + ".lora_B.weight is missing"));
  bad = good;
  bad[q_ + ".lora_B.weight"] = torch::zeros({24, 4});
  write(bad);
  EXPECT_THAT(refused(), HasSubstr("has the shape [24, 4], expected [24, 3]"));
  bad = good;
  bad["base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"] = torch::zeros({3, 24});
  write(bad);
  EXPECT_THAT(refused(), HasSubstr("layers.7.self_attn.q_proj.lora_A.weight is not of a linear"));
  bad = good;
  bad[q_ + ".lora_A.weight"].fill_(std::nanf(""));
  write(bad);
  EXPECT_THAT(refused(), HasSubstr("not finite"));
  fs::remove(folder_ / "adapter_model.safetensors");
  EXPECT_THAT(refused(), HasSubstr("adapter_model.safetensors"));
}

TEST_F(LoraFileTest, SaysWhatIsWrongWithTheConfiguration) {
  const std::string good = read_file(folder_ / "adapter_config.json");
  const auto with = [&](const char* key, const json& value) {
    write_file_atomically(folder_ / "adapter_config.json", good);
    change_config(key, value);
    return refused();
  };
  EXPECT_THAT(with("target_modules", {"q_proj", "wq"}), HasSubstr("\"wq\""));
  EXPECT_THAT(with("r", 0), HasSubstr("r must be from 1"));
  EXPECT_THAT(with("r", "eight"), HasSubstr("r is \"eight\""));
  EXPECT_THAT(with("r", 2), HasSubstr("expected [2, 16]"));
  EXPECT_THAT(with("peft_type", "IA3"), HasSubstr("peft_type must be \"LORA\""));
  EXPECT_THAT(with("use_dora", true), HasSubstr("use_dora"));
  EXPECT_THAT(with("bias", "all"), HasSubstr("bias = \"all\""));
  EXPECT_THAT(with("modules_to_save", {"lm_head"}), HasSubstr("modules_to_save"));
  EXPECT_THAT(with("rank_pattern", {{"q_proj", 4}}), HasSubstr("rank_pattern"));
  EXPECT_THAT(with("init_lora_weights", "pissa_niter_4"), HasSubstr("pissa"));
  write_file_atomically(folder_ / "adapter_config.json", "{");
  EXPECT_THAT(refused(), HasSubstr("expected a JSON object"));
  fs::remove(folder_ / "adapter_config.json");
  EXPECT_THAT(refused(), HasSubstr("adapter_config.json"));
}

}  // namespace
}  // namespace stapes::train
