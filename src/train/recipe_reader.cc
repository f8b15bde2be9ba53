#include "train/recipe_reader.h"

namespace stapes::train {
namespace {

toml::table parse_toml(const std::string& text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::kInvalidData, "{}:{}: not TOML: {}", where, error.source().begin.line,
         std::string(error.description()));
  }
}

}  // namespace

RecipeReader::RecipeReader(const std::string& text, const std::string& where)
    : where_(where), root_(parse_toml(text, where)), top_(root_, "", where) {}

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

}  // namespace stapes::train
