// What the recipes of all stages share: reading TOML with errors that name file, line and key.
#pragma once

#include <toml++/toml.h>

#include <array>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "train/recipe.h"

namespace stapes::train {

// Throws kInvalidData: not TOML; `where` names the file.
toml::table parse_toml(const std::string& text, const std::string& where);

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
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      read_list(*node, key, value);
    } else {
      value = T(required<std::string>(*node, key, "a string"));
    }
  }

  // One of a few words, each of which stands for a value.
  template <typename Value, size_t kCount>
  void read_word(const char* key, Value& value,
                 const std::array<std::pair<const char*, Value>, kCount>& words) {
    std::string word;
    read(key, word);
    if (table_.get(key) == nullptr) return;
    std::string known;
    for (const auto& [name, meaning] : words) {
      if (word == name) value = meaning;
      if (word == name) return;
      known += std::string(known.empty() ? "" : ", ") + '"' + name + '"';
    }
    fail(ErrorCode::kInvalidData, "{}: {} is \"{}\", expected one of {}", where_, path(key), word,
         known);
  }

  // Calls `read` with the table of this name, if there is one.
  template <typename Read>
  void table(const char* key, Read&& read) {
    const toml::node* node = child(key);
    if (node == nullptr) return;
    if (!node->is_table())
      fail(ErrorCode::kInvalidData, "{}: [{}] must be a table", where_, path(key));
    TableReader inner(*node->as_table(), path(key), where_);
    read(inner);
    inner.reject_unknown();
  }

  // The same for each of a list of tables ([[NAME]]).
  template <typename Read>
  void tables(const char* key, Read&& read) {
    const toml::node* node = child(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table))
      fail(ErrorCode::kInvalidData, "{}: {} must be a list of tables: [[{}]]", where_, path(key),
           path(key));
    for (const auto& element : *array) {
      TableReader inner(*element.as_table(), path(key), where_);
      read(inner);
      inner.reject_unknown();
    }
  }

  const toml::node* child(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }

  const std::string& where() const { return where_; }
  bool knows(const std::string& key) const { return known_.contains(key); }

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
  void read_list(const toml::node& node, const char* key, std::vector<std::string>& values) const {
    const toml::array* array = node.as_array();
    if (array == nullptr)
      fail(ErrorCode::kInvalidData, "{}:{}: {} must be a list of strings", where_,
           node.source().begin.line, path(key));
    values.clear();
    for (const auto& element : *array)
      values.push_back(required<std::string>(element, key, "a list of strings"));
  }
  std::string path(const std::string& key) const { return name_.empty() ? key : name_ + "." + key; }

  const toml::table& table_;
  std::string name_;
  const std::string& where_;
  std::set<std::string> known_;
};

// Throws kInvalidData: what a recipe must be like. `where` names the file, and the table where the
// keys of `sentence` stand in one.
inline void require(bool holds, const std::string& where, const char* sentence) {
  if (!holds) fail(ErrorCode::kInvalidData, "{}: {}", where, sentence);
}

// A recipe as a whole: its tables, each read by a function of the stage's own.
class RecipeReader {
 public:
  // Throws kInvalidData (not TOML). `where` outlives the reader.
  RecipeReader(const std::string& text, const std::string& where);

  // name and run_folder; the folder is runs/NAME where none is given.
  void read_name(std::string& name, std::filesystem::path& run_folder);
  // Of the recipe itself, outside of all tables.
  template <typename T>
  void read(const char* key, T& value) {
    top_.read(key, value);
  }
  const toml::node* child(const char* key) { return top_.child(key); }
  // Calls `read` with the table of this name, if there is one.
  template <typename Read>
  void section(const char* name, Read&& read) {
    top_.table(name, std::forward<Read>(read));
  }
  TableReader& top() { return top_; }
  // After all sections.
  void finish() const;

  void require(bool holds, const char* sentence) const { train::require(holds, where_, sentence); }
  const std::string& where() const { return where_; }

 private:
  const std::string& where_;
  toml::table root_;
  TableReader top_;
};

// Parts of the stages' recipes that other recipes contain, too.
void read_sft_optimizer(TableReader& table, OptimizerRecipe& optimizer);
void read_sft_logging(TableReader& table, LoggingRecipe& logging);
void check_sft_numbers(const std::string& where, const OptimizerRecipe& optimizer,
                       const LoggingRecipe& logging);

void read_model(TableReader& table, ModelRecipe& model);
void check_model(const RecipeReader& reader, const ModelRecipe& model);

// [lora], if there is one.
void read_lora(RecipeReader& reader, LoraRecipe& lora);
// model.frozen_dtype and [lora]. some_frozen: whether any part is frozen without [lora]; dtype: of
// the products.
void check_adaptation(const RecipeReader& reader, const ModelRecipe& model, const LoraRecipe& lora,
                      bool some_frozen, const std::string& dtype);

}  // namespace stapes::train
