#include "train/recipe_reader.h"

#include <cmath>

namespace stapes::train {

toml::table parse_toml(const std::string& text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::kInvalidData, "{}:{}: not TOML: {}", where, error.source().begin.line,
         std::string(error.description()));
  }
}

RecipeReader::RecipeReader(const std::string& text, const std::string& where)
    : where_(where), root_(parse_toml(text, where)), top_(root_, "", where) {}

void RecipeReader::finish() const {
  if (root_.contains("stage") && !top_.knows("stage"))
    fail(ErrorCode::kInvalidData, "{}: a recipe of several stages goes to stapes-train run",
         where_);
  top_.reject_unknown();
}

void RecipeReader::read_name(std::string& name, std::filesystem::path& run_folder) {
  top_.read("name", name);
  top_.read("run_folder", run_folder);
  require(!name.empty(), "name is missing: the run's name, a short string");
  require(name.find('/') == std::string::npos, "name may not contain a slash");
  if (run_folder.empty()) run_folder = std::filesystem::path("runs") / name;
}

void read_model(TableReader& table, ModelRecipe& model) {
  table.read("init", model.init);
  table.read("like", model.like);
  table.read("tokenizer_merges", model.tokenizer_merges);
  table.read("tokenizer_all_texts", model.tokenizer_all_texts);
  table.read("output", model.output);
  table.read("save_dtype", model.save_dtype);
}

void check_model(const RecipeReader& reader, const ModelRecipe& model) {
  reader.require(
      model.save_dtype == "bf16" || model.save_dtype == "f32" || model.save_dtype == "f16",
      "model.save_dtype must be \"bf16\", \"f16\" or \"f32\"");
}

void read_lora(RecipeReader& reader, LoraRecipe& lora) {
  reader.section("lora", [&](TableReader& table) {
    lora.rank = 8;
    table.read("rank", lora.rank);
    table.read("alpha", lora.alpha);
    table.read("targets", lora.targets);
    train::require(lora.rank > 0, reader.where(), "lora.rank must be at least 1");
  });
}

void check_adaptation(const RecipeReader& reader, const ModelRecipe& model, const LoraRecipe& lora,
                      bool some_frozen, const std::string& dtype) {
  const bool adapted = lora.rank > 0, narrow = model.frozen_dtype == "bf16";
  reader.require(narrow || model.frozen_dtype == "f32",
                 "model.frozen_dtype must be \"f32\" or \"bf16\"");
  reader.require(
      !narrow || adapted || some_frozen,
      "model.frozen_dtype = \"bf16\" is of frozen weights, and none are frozen: add [lora] "
      "or freeze a part");
  reader.require(!narrow || dtype == "bf16",
                 "model.frozen_dtype = \"bf16\" needs products in bf16, too: set dtype = \"bf16\"");
  if (!adapted) return;
  reader.require(!model.init.empty(), "[lora] adapts a model: model.init must name its folder");
  reader.require(lora.rank <= 4096, "lora.rank must be at most 4096");
  reader.require(std::isfinite(lora.alpha) && lora.alpha > 0, "lora.alpha must be above 0");
  reader.require(!lora.targets.empty(), "lora.targets names no layer");
}

}  // namespace stapes::train
