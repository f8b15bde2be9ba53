#include "train/pipeline/pipeline_recipe.h"

#include <array>
#include <set>

#include "base/file.h"
#include "train/recipe_reader.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

constexpr std::array kKinds = {StageKind::kSft, StageKind::kRl, StageKind::kMgrd, StageKind::kDpo};

StageKind kind_by_name(const std::string& wanted, const std::string& place) {
  for (const StageKind kind : kKinds)
    if (wanted == name(kind)) return kind;
  fail(ErrorCode::kInvalidData, "{}: kind must be \"sft\", \"rl\", \"mgrd\" or \"dpo\", got \"{}\"",
       place, wanted);
}

StageRecipe read_stage(const toml::table& table, const fs::path& beside, const std::string& where) {
  StageRecipe stage;
  stage.line = table.source().begin.line;
  const std::string place = fmt::format("{}:{}: [[stage]]", where, stage.line);
  std::string kind;
  TableReader reader(table, "stage", where);
  reader.read("name", stage.name);
  reader.read("kind", kind);
  reader.read("recipe", stage.recipe);
  reader.reject_unknown();
  if (stage.name.empty() || stage.name.find('/') != std::string::npos || stage.name[0] == '.')
    fail(ErrorCode::kInvalidData, "{}: name is missing or no name of a folder: \"{}\"", place,
         stage.name);
  stage.kind = kind_by_name(kind, place);
  if (stage.recipe.empty())
    fail(ErrorCode::kInvalidData, "{}: recipe is missing: the file that stapes-train {} reads",
         place, kind);
  stage.recipe = beside / stage.recipe;
  if (!fs::is_regular_file(stage.recipe))
    fail(ErrorCode::kNotFound, "{}: there is no recipe {}", place, stage.recipe.string());
  return stage;
}

std::vector<StageRecipe> read_stages(const toml::node* node, const fs::path& path) {
  const toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr || !array->is_array_of_tables())
    fail(
        ErrorCode::kInvalidData,
        "{}: expected one [[stage]] or more, each with name, kind and recipe{}", path.string(),
        node == nullptr ? "; a recipe of one stage goes to stapes-train sft, rl, mgrd or dpo" : "");
  std::vector<StageRecipe> stages;
  std::set<std::string> names;
  for (const auto& element : *array) {
    stages.push_back(read_stage(*element.as_table(), path.parent_path(), path.string()));
    if (!names.insert(stages.back().name).second)
      fail(ErrorCode::kInvalidData, "{}:{}: two stages have the name {}", path.string(),
           stages.back().line, stages.back().name);
  }
  return stages;
}

}  // namespace

const char* name(StageKind kind) {
  switch (kind) {
    case StageKind::kSft:
      return "sft";
    case StageKind::kRl:
      return "rl";
    case StageKind::kMgrd:
      return "mgrd";
    case StageKind::kDpo:
      return "dpo";
  }
  return "?";
}

PipelineRecipe load_pipeline_recipe(const fs::path& path) {
  const std::string where = path.string();
  RecipeReader reader(read_file(path, size_t{1} << 20), where);
  PipelineRecipe recipe;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.read("init", recipe.init);
  reader.read("output", recipe.output);
  reader.read("digits_folder", recipe.digits_folder);
  recipe.stages = read_stages(reader.child("stage"), path);
  reader.section("evaluation", [&](TableReader& table) {
    table.read("examples_per_task", recipe.evaluation.examples_per_task);
    table.read("tasks", recipe.evaluation.tasks);
    table.read("grounding_per_task", recipe.evaluation.grounding_per_task);
    table.read("hearing_questions", recipe.evaluation.hearing_questions);
  });
  reader.finish();
  return recipe;
}

}  // namespace stapes::train
