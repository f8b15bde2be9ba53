#include "train/recipe.h"

#include "base/fail.h"
#include "base/file.h"
#include "train/recipe_reader.h"

namespace stapes::train {
namespace {

void read_curriculum(const toml::node& node, std::vector<CurriculumStage>& stages,
                     const std::string& where) {
  const toml::array* array = node.as_array();
  if (array == nullptr)
    fail(ErrorCode::kInvalidData, "{}: data.curriculum must be an array of tables", where);
  for (const auto& element : *array) {
    const toml::table* entry = element.as_table();
    if (entry == nullptr)
      fail(ErrorCode::kInvalidData, "{}: data.curriculum must be an array of tables", where);
    TableReader table(*entry, "data.curriculum", where);
    CurriculumStage stage;
    table.read("from_step", stage.from_step);
    table.read("max_digits", stage.max_digits);
    table.read("max_notes", stage.max_notes);
    table.reject_unknown();
    stages.push_back(stage);
  }
}

void read_data(TableReader& table, DataRecipe& data, const std::string& where) {
  table.read("jsonl", data.jsonl);
  table.read("digits_folder", data.digits_folder);
  table.read("questions_per_clip", data.questions_per_clip);
  table.read("melody_share", data.melody_share);
  table.read("thinking_share", data.thinking_share);
  table.read("question_first_share", data.question_first_share);
  table.read("paraphrase_share", data.paraphrase_share);
  table.read("self_cognition_share", data.self_cognition_share);
  table.read("refusal_share", data.refusal_share);
  table.read("mask_spectrogram", data.mask_spectrogram);
  if (const toml::node* node = table.child("curriculum"))
    read_curriculum(*node, data.curriculum, where);
}

void read_optimizer(TableReader& table, OptimizerRecipe& optimizer) {
  table.read("steps", optimizer.steps);
  table.read("clips_per_step", optimizer.clips_per_step);
  table.read("learning_rate", optimizer.learning_rate);
  table.read("encoder_learning_rate_scale", optimizer.encoder_learning_rate_scale);
  table.read("warmup_steps", optimizer.warmup_steps);
  table.read("final_learning_rate_ratio", optimizer.final_learning_rate_ratio);
  table.read("weight_decay", optimizer.weight_decay);
  table.read("beta1", optimizer.beta1);
  table.read("beta2", optimizer.beta2);
  table.read("gradient_clip", optimizer.gradient_clip);
  table.read("helper_weight", optimizer.helper_weight);
  table.read("dtype", optimizer.dtype);
  table.read("seed", optimizer.seed);
  table.read("threads", optimizer.threads);
  table.read("data_threads", optimizer.data_threads);
}

void read_logging(TableReader& table, LoggingRecipe& logging) {
  table.read("print_every", logging.print_every);
  table.read("evaluate_every", logging.evaluate_every);
  table.read("evaluation_clips", logging.evaluation_clips);
  table.read("checkpoint_every", logging.checkpoint_every);
  table.read("keep_checkpoints", logging.keep_checkpoints);
}

void check(const RecipeReader& reader, const Recipe& recipe) {
  reader.require(recipe.optimizer.steps > 0, "optimizer.steps must be at least 1");
  reader.require(recipe.optimizer.clips_per_step > 0,
                 "optimizer.clips_per_step must be at least 1");
  reader.require(recipe.optimizer.threads > 0, "optimizer.threads must be at least 1");
  reader.require(recipe.optimizer.data_threads > 0, "optimizer.data_threads must be at least 1");
  reader.require(recipe.optimizer.dtype == "f32" || recipe.optimizer.dtype == "bf16",
                 "optimizer.dtype must be \"f32\" or \"bf16\"");
  const auto is_share = [](double share) { return share >= 0 && share <= 1; };
  reader.require(is_share(recipe.data.self_cognition_share) && is_share(recipe.data.refusal_share),
                 "data.self_cognition_share and data.refusal_share must be from 0 to 1");
  reader.require(recipe.data.jsonl.empty() || recipe.data.self_cognition_share == 0,
                 "data.self_cognition_share is of the sound world's clips: leave it out where "
                 "data.jsonl gives the samples");
  reader.require(recipe.data.questions_per_clip > 0, "data.questions_per_clip must be at least 1");
  reader.require(recipe.logging.print_every > 0 && recipe.logging.checkpoint_every > 0 &&
                     recipe.logging.evaluate_every > 0 && recipe.logging.keep_checkpoints > 0,
                 "the numbers of [logging] must be at least 1");
  check_model(reader, recipe.model);
}

}  // namespace

Recipe parse_recipe(const std::string& text, const std::string& where) {
  RecipeReader reader(text, where);
  Recipe recipe;
  recipe.source_text = text;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.section("model", [&](TableReader& table) { read_model(table, recipe.model); });
  reader.section("data", [&](TableReader& table) { read_data(table, recipe.data, where); });
  reader.section("optimizer", [&](TableReader& table) { read_optimizer(table, recipe.optimizer); });
  reader.section("logging", [&](TableReader& table) { read_logging(table, recipe.logging); });
  reader.finish();
  check(reader, recipe);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path) {
  return parse_recipe(read_file(path, size_t{1} << 20), path.string());
}

}  // namespace stapes::train
