#include "train/recipe.h"

#include <cmath>
#include <set>

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

void read_share(TableReader& table, const char* key, double& share, const std::string& where) {
  table.read(key, share);
  if (share < 0 || share > 1)
    fail(ErrorCode::kInvalidData, "{}: {} is {}, expected a share from 0 to 1", where, key, share);
}

void read_world(TableReader& table, WorldRecipe& world, const std::string& where) {
  const auto share = [&](const char* key, double& value) { read_share(table, key, value, where); };
  table.read("digits_folder", world.digits_folder);
  table.read("tasks", world.tasks);
  table.read("questions_per_clip", world.questions_per_clip);
  share("melody_share", world.melody_share);
  share("thinking_share", world.thinking_share);
  share("question_first_share", world.question_first_share);
  share("paraphrase_share", world.paraphrase_share);
  share("surrogate_share", world.surrogate_share);
  share("misheard_share", world.misheard_share);
  share("cut_thought_share", world.cut_thought_share);
  share("self_cognition_share", world.self_cognition_share);
  share("refusal_share", world.refusal_share);
  table.read("mask_spectrogram", world.mask_spectrogram);
  if (const toml::node* node = table.child("curriculum")) {
    world.curriculum.clear();
    read_curriculum(*node, world.curriculum, where);
  }
}

void read_sources(const toml::node& node, DataRecipe& data, const std::string& where) {
  const toml::array* array = node.as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table))
    fail(ErrorCode::kInvalidData, "{}: data.sources must be tables, [[data.sources]]", where);
  for (const auto& element : *array) {
    TableReader table(*element.as_table(), "data.sources", where);
    DataSourceRecipe source;
    source.world = data;
    table.read("name", source.name);
    table.read("weight", source.weight);
    table.read("jsonl", source.jsonl);
    table.read("world", source.is_world);
    table.read("text", source.is_text);
    if (source.is_world) read_world(table, source.world, where);
    if (source.is_text) {
      source.world.tasks.clear();
      table.read("tasks", source.world.tasks);
      read_share(table, "thinking_share", source.world.thinking_share, where);
      read_share(table, "cut_thought_share", source.world.cut_thought_share, where);
    }
    table.reject_unknown();
    data.sources.push_back(std::move(source));
  }
}

void read_data(TableReader& table, DataRecipe& data, const std::string& where) {
  table.read("jsonl", data.jsonl);
  read_world(table, data, where);
  table.read("empty_think_loss", data.empty_think_loss);
  table.read("max_tokens", data.max_tokens);
  table.read("quarantine", data.quarantine);
  if (const toml::node* node = table.child("sources")) read_sources(*node, data, where);
}

void check_sources(const RecipeReader& reader, const DataRecipe& data) {
  reader.require(data.sources.empty() || data.jsonl.empty(),
                 "data.jsonl and data.sources cannot both be given");
  std::set<std::string> names;
  for (const auto& source : data.sources) {
    reader.require(!source.name.empty(), "every one of data.sources needs a name");
    const auto require = [&](bool holds, const char* sentence) {
      if (!holds)
        fail(ErrorCode::kInvalidData, "{}: the source \"{}\" {}", reader.where(), source.name,
             sentence);
    };
    require(names.insert(source.name).second, "is there twice");
    require(std::isfinite(source.weight) && source.weight > 0, "must have a weight above 0");
    require(
        (source.is_world ? 1 : 0) + (source.is_text ? 1 : 0) + (source.jsonl.empty() ? 0 : 1) == 1,
        "must have one of jsonl = \"FILE\", world = true and text = true");
    require(source.world.questions_per_clip > 0, "must have at least 1 as questions_per_clip");
  }
}

void check_parts(const std::string& where, const OptimizerRecipe& optimizer) {
  const std::set<std::string> known = {"encoder", "adaptor", "decoder", "embeddings"};
  for (const auto& part : optimizer.freeze)
    if (!known.contains(part))
      fail(ErrorCode::kInvalidData, "{}: optimizer.freeze: \"{}\" is not one of {}", where, part,
           fmt::join(known, ", "));
  require(std::set(optimizer.freeze.begin(), optimizer.freeze.end()) != known, where,
          "optimizer.freeze leaves nothing to train");
}

void check(const RecipeReader& reader, const Recipe& recipe) {
  check_sft_numbers(reader.where(), recipe.optimizer, recipe.logging);
  reader.require(recipe.data.questions_per_clip > 0, "data.questions_per_clip must be at least 1");
  reader.require(recipe.data.jsonl.empty() || recipe.data.self_cognition_share == 0,
                 "data.self_cognition_share is of the sound world's clips: leave it out where "
                 "data.jsonl gives the samples");
  check_sources(reader, recipe.data);
  check_parts(reader.where(), recipe.optimizer);
  check_adaptation(reader, recipe.model, recipe.lora, !recipe.optimizer.freeze.empty(),
                   recipe.optimizer.dtype);
  reader.require(recipe.lora.rank == 0 || recipe.optimizer.freeze.empty(),
                 "with [lora] all of the model's own weights are frozen: leave out "
                 "optimizer.freeze, and name in lora.targets what is to be adapted");
  check_model(reader, recipe.model);
}

}  // namespace

void read_sft_optimizer(TableReader& table, OptimizerRecipe& optimizer) {
  table.read("steps", optimizer.steps);
  table.read("clips_per_step", optimizer.clips_per_step);
  table.read("tokens_per_step", optimizer.tokens_per_step);
  if (optimizer.tokens_per_step > 0 && table.child("clips_per_step") != nullptr)
    fail(ErrorCode::kInvalidData,
         "{}: optimizer.clips_per_step and optimizer.tokens_per_step cannot both be given",
         table.where());
  table.read("learning_rate", optimizer.learning_rate);
  table.read("encoder_learning_rate_scale", optimizer.encoder_learning_rate_scale);
  table.read("adaptor_learning_rate_scale", optimizer.adaptor_learning_rate_scale);
  table.read("decoder_learning_rate_scale", optimizer.decoder_learning_rate_scale);
  table.read("freeze", optimizer.freeze);
  table.read("warmup_steps", optimizer.warmup_steps);
  table.read("final_learning_rate_ratio", optimizer.final_learning_rate_ratio);
  table.read("weight_decay", optimizer.weight_decay);
  table.read("beta1", optimizer.beta1);
  table.read("beta2", optimizer.beta2);
  table.read("gradient_clip", optimizer.gradient_clip);
  table.read("helper_weight", optimizer.helper_weight);
  table.read("dtype", optimizer.dtype);
  table.read("gradient_checkpointing", optimizer.gradient_checkpointing);
  table.read("seed", optimizer.seed);
  table.read("threads", optimizer.threads);
  table.read("data_threads", optimizer.data_threads);
}

void read_sft_logging(TableReader& table, LoggingRecipe& logging) {
  table.read("print_every", logging.print_every);
  table.read("evaluate_every", logging.evaluate_every);
  table.read("evaluation_clips", logging.evaluation_clips);
  table.read("checkpoint_every", logging.checkpoint_every);
  table.read("keep_checkpoints", logging.keep_checkpoints);
  table.read("completions_every", logging.completions_every);
  table.read("completions", logging.completions);
}

void check_sft_numbers(const std::string& where, const OptimizerRecipe& optimizer,
                       const LoggingRecipe& logging) {
  require(optimizer.steps > 0, where, "optimizer.steps must be at least 1");
  require(optimizer.clips_per_step > 0, where, "optimizer.clips_per_step must be at least 1");
  require(optimizer.threads > 0, where, "optimizer.threads must be at least 1");
  require(optimizer.data_threads > 0, where, "optimizer.data_threads must be at least 1");
  require(optimizer.dtype == "f32" || optimizer.dtype == "bf16", where,
          "optimizer.dtype must be \"f32\" or \"bf16\"");
  require(logging.print_every > 0 && logging.checkpoint_every > 0 && logging.evaluate_every > 0 &&
              logging.keep_checkpoints > 0,
          where, "the numbers of [logging] must be at least 1");
  require(logging.completions_every == 0 || logging.completions > 0, where,
          "logging.completions must be at least 1");
}

Recipe parse_recipe(const std::string& text, const std::string& where) {
  RecipeReader reader(text, where);
  Recipe recipe;
  recipe.source_text = text;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.section("model", [&](TableReader& table) {
    read_model(table, recipe.model);
    table.read("frozen_dtype", recipe.model.frozen_dtype);
  });
  read_lora(reader, recipe.lora);
  reader.section("data", [&](TableReader& table) { read_data(table, recipe.data, where); });
  reader.section("optimizer",
                 [&](TableReader& table) { read_sft_optimizer(table, recipe.optimizer); });
  reader.section("logging", [&](TableReader& table) { read_sft_logging(table, recipe.logging); });
  reader.finish();
  check(reader, recipe);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path) {
  return parse_recipe(read_file(path, size_t{1} << 20), path.string());
}

void set_digits_folder(DataRecipe& data, const std::filesystem::path& folder) {
  data.digits_folder = folder;
  for (auto& source : data.sources) source.world.digits_folder = folder;
}

}  // namespace stapes::train
