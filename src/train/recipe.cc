#include "train/recipe.h"

#include <toml++/toml.h>
#include <set>

#include "base/fail.h"
#include "base/file.h"

namespace stapes::train {
namespace {

// Reads the keys of one table and remembers which were asked for, so that a misspelt key is an
// error.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, const std::string& where)
      : table_(table), name_(std::move(name)), where_(where) {}

  template <typename T>
  void read(const char* key, T& value) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    if constexpr (std::is_same_v<T, bool>) {
      value = required<bool>(*node, key, "true or false");
    } else if constexpr (std::is_floating_point_v<T>) {
      value = required<double>(*node, key, "a number");
    } else if constexpr (std::is_integral_v<T>) {
      const auto number = required<int64_t>(*node, key, "a whole number");
      if (number < 0)
        fail(ErrorCode::kInvalidData, "{}: {} is {}, expected 0 or more", where_, path(key),
             number);
      value = static_cast<T>(number);
    } else {
      value = required<std::string>(*node, key, "a string");
    }
  }

  const toml::node* child(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }

  void reject_unknown() const {
    for (const auto& [key, node] : table_) {
      if (known_.contains(std::string(key.str()))) continue;
      fail(ErrorCode::kInvalidData, "{}:{}: unknown key {}; known here: {}", where_,
           node.source().begin.line, path(std::string(key.str())), fmt::join(known_, ", "));
    }
  }

 private:
  template <typename T>
  T required(const toml::node& node, const char* key, const char* expected) const {
    const auto value = node.value<T>();
    if (!value)
      fail(ErrorCode::kInvalidData, "{}:{}: {} must be {}", where_, node.source().begin.line,
           path(key), expected);
    return *value;
  }
  std::string path(const std::string& key) const { return name_.empty() ? key : name_ + "." + key; }

  const toml::table& table_;
  std::string name_;
  const std::string& where_;
  std::set<std::string> known_;
};

void read_model(TableReader table, ModelRecipe& model) {
  std::string init, output;
  table.read("init", init);
  table.read("like", model.like);
  table.read("tokenizer_merges", model.tokenizer_merges);
  table.read("output", output);
  table.read("save_dtype", model.save_dtype);
  table.reject_unknown();
  model.init = init;
  model.output = output;
}

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

void read_data(TableReader table, DataRecipe& data, const std::string& where) {
  std::string jsonl, digits;
  table.read("jsonl", jsonl);
  table.read("digits_folder", digits);
  table.read("questions_per_clip", data.questions_per_clip);
  table.read("melody_share", data.melody_share);
  table.read("thinking_share", data.thinking_share);
  table.read("question_first_share", data.question_first_share);
  table.read("paraphrase_share", data.paraphrase_share);
  table.read("mask_spectrogram", data.mask_spectrogram);
  if (const toml::node* node = table.child("curriculum"))
    read_curriculum(*node, data.curriculum, where);
  table.reject_unknown();
  data.jsonl = jsonl;
  data.digits_folder = digits;
}

void read_optimizer(TableReader table, OptimizerRecipe& optimizer) {
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
  table.reject_unknown();
}

void read_logging(TableReader table, LoggingRecipe& logging) {
  table.read("print_every", logging.print_every);
  table.read("evaluate_every", logging.evaluate_every);
  table.read("evaluation_clips", logging.evaluation_clips);
  table.read("checkpoint_every", logging.checkpoint_every);
  table.read("keep_checkpoints", logging.keep_checkpoints);
  table.reject_unknown();
}

void check(const Recipe& recipe, const std::string& where) {
  const auto require = [&](bool holds, const char* sentence) {
    if (!holds) fail(ErrorCode::kInvalidData, "{}: {}", where, sentence);
  };
  require(!recipe.name.empty(), "name is missing: the run's name, a short string");
  require(recipe.name.find('/') == std::string::npos, "name may not contain a slash");
  require(recipe.optimizer.steps > 0, "optimizer.steps must be at least 1");
  require(recipe.optimizer.clips_per_step > 0, "optimizer.clips_per_step must be at least 1");
  require(recipe.optimizer.threads > 0, "optimizer.threads must be at least 1");
  require(recipe.optimizer.data_threads > 0, "optimizer.data_threads must be at least 1");
  require(recipe.optimizer.dtype == "f32" || recipe.optimizer.dtype == "bf16",
          "optimizer.dtype must be \"f32\" or \"bf16\"");
  require(recipe.data.questions_per_clip > 0, "data.questions_per_clip must be at least 1");
  require(recipe.logging.print_every > 0 && recipe.logging.checkpoint_every > 0 &&
              recipe.logging.evaluate_every > 0 && recipe.logging.keep_checkpoints > 0,
          "the numbers of [logging] must be at least 1");
  require(recipe.model.save_dtype == "bf16" || recipe.model.save_dtype == "f32" ||
              recipe.model.save_dtype == "f16",
          "model.save_dtype must be \"bf16\", \"f16\" or \"f32\"");
}

}  // namespace

Recipe parse_recipe(const std::string& text, const std::string& where) {
  toml::table root;
  try {
    root = toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::kInvalidData, "{}:{}: not TOML: {}", where, error.source().begin.line,
         std::string(error.description()));
  }
  Recipe recipe;
  recipe.source_text = text;
  TableReader top(root, "", where);
  top.read("name", recipe.name);
  std::string run_folder;
  top.read("run_folder", run_folder);
  const auto section = [&](const char* name, auto&& read) {
    const toml::node* node = top.child(name);
    if (node == nullptr) return;
    if (!node->is_table()) fail(ErrorCode::kInvalidData, "{}: [{}] must be a table", where, name);
    read(TableReader(*node->as_table(), name, where));
  };
  section("model", [&](TableReader table) { read_model(std::move(table), recipe.model); });
  section("data", [&](TableReader table) { read_data(std::move(table), recipe.data, where); });
  section("optimizer",
          [&](TableReader table) { read_optimizer(std::move(table), recipe.optimizer); });
  section("logging", [&](TableReader table) { read_logging(std::move(table), recipe.logging); });
  top.reject_unknown();
  recipe.run_folder = run_folder.empty() ? std::filesystem::path("runs") / recipe.name
                                         : std::filesystem::path(run_folder);
  check(recipe, where);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path) {
  return parse_recipe(read_file(path, size_t{1} << 20), path.string());
}

}  // namespace stapes::train
