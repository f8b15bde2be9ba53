#include "train/recipe_overrides.h"

#include <optional>
#include <sstream>

#include "train/recipe_reader.h"

namespace stapes::train {
namespace {

std::optional<toml::table> parse(const std::string& text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

// A table with this one key, and tables around it for the key's dots.
toml::table parse_override(const std::string& override) {
  const size_t equals = override.find('=');
  if (equals == std::string::npos || equals == 0)
    fail(ErrorCode::kUsage, "--set {}: expected KEY=VALUE, such as optimizer.seed=2", override);
  const std::string key = override.substr(0, equals), value = override.substr(equals + 1);
  if (auto table = parse(key + " = " + value); table && !value.empty()) return *table;
  if (!value.empty() && std::string("[{\"'").find(value[0]) != std::string::npos)
    fail(ErrorCode::kUsage,
         "--set {}: {} begins as a list, a table or a string of TOML, but is none", override,
         value);
  // Else a string, quoted as TOML does it: `x = "VALUE"`, with the key in place of x.
  std::ostringstream quoted;
  quoted << toml::table{{"x", value}};
  if (auto table = parse(key + quoted.str().substr(1))) return *table;
  fail(ErrorCode::kUsage, "--set {}: \"{}\" cannot be a key of a recipe", override, key);
}

void merge(toml::table& into, const toml::table& from, const std::string& override) {
  for (const auto& [key, node] : from) {
    toml::node* present = into.get(key.str());
    const toml::table* inner = node.as_table();
    if (inner == nullptr || present == nullptr) {
      if (present != nullptr && present->is_table())
        fail(ErrorCode::kUsage, "--set {}: {} is a table of keys, not a value", override,
             key.str());
      into.insert_or_assign(key.str(), node);
      continue;
    }
    if (!present->is_table())
      fail(ErrorCode::kUsage, "--set {}: {} is a value, it has no keys", override, key.str());
    merge(*present->as_table(), *inner, override);
  }
}

}  // namespace

std::string with_overrides(const std::string& text, const std::string& where,
                           const std::vector<std::string>& overrides) {
  if (overrides.empty()) return text;
  toml::table recipe = parse_toml(text, where);
  for (const auto& override : overrides) merge(recipe, parse_override(override), override);
  std::ostringstream out;
  out << recipe << '\n';
  return out.str();
}

}  // namespace stapes::train
