#include "serve/openai/json_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "text/utf8.h"

namespace stapes::serve {
namespace {

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

[[noreturn]] void refuse_body(ErrorCode code, const std::string& sentence,
                              const std::string& path = "") {
  throw RequestError(code, sentence, path);
}

// Builds the tree, and stops as soon as a limit is passed.
class TreeBuilder {
 public:
  explicit TreeBuilder(const JsonLimits& limits) : limits_(limits) {}

  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }  // no JSON text has any

  bool start_object(size_t) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Open& object = open_.back();
    if (!object.names.insert(name).second)
      refuse_body(ErrorCode::kUsage,
                  fmt::format("{}: the name stands twice in one object", joined(path(), name)),
                  joined(path(), name));
    object.name = std::move(name);
    return true;
  }

  // Called in place of everything above where the text is no JSON.
  template <typename Exception>
  bool parse_error(size_t position, const std::string&, const Exception& error) {
    constexpr int kNumberOutOfRange = 406;
    if (error.id == kNumberOutOfRange)
      refuse_body(
          ErrorCode::kUsage,
          fmt::format("{}: the number is out of range", open_.empty() ? "the body" : value_path()),
          value_path());
    position_ = position;
    return false;
  }
  // Counts from 1; where reading stopped.
  size_t position() const { return position_; }

 private:
  struct Open {
    Json* value;
    std::string name;  // object: of the value that comes next
    std::unordered_set<std::string> names;
  };

  std::string path() const {
    std::string result;
    for (size_t i = 0; i + 1 < open_.size(); ++i) result = path_into(open_[i], result);
    return result;
  }
  // Of the value that comes next.
  std::string value_path() const {
    if (open_.empty()) return {};
    const Open& parent = open_.back();
    if (parent.value->is_array()) return fmt::format("{}[{}]", path(), parent.value->size());
    return joined(path(), parent.name);
  }
  static std::string path_into(const Open& open, const std::string& path) {
    if (open.value->is_array()) return fmt::format("{}[{}]", path, open.value->size() - 1);
    return joined(path, open.name);
  }

  template <typename Value>
  bool add(Value&& value) {
    place(Json(std::forward<Value>(value)));
    return true;
  }

  Json* place(Json value) {
    if (++values_ > limits_.max_values)
      refuse_body(ErrorCode::kTooLarge,
                  fmt::format("the body has more than {} JSON values", limits_.max_values));
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Open& parent = open_.back();
    if (parent.value->is_array()) {
      parent.value->push_back(std::move(value));
      return &parent.value->back();
    }
    auto& members = parent.value->get_ref<Json::object_t&>();
    // The name is known to be new, so the search of ordered_map::emplace is not needed.
    static_cast<Json::object_t::Container&>(members).emplace_back(parent.name, std::move(value));
    return &members.back().second;
  }

  bool open(Json container) {
    if (open_.size() >= limits_.max_depth)
      refuse_body(ErrorCode::kTooLarge,
                  fmt::format("the body is nested more than {} deep", limits_.max_depth));
    open_.push_back({place(std::move(container)), {}, {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  Json root_;
  std::vector<Open> open_;
  size_t values_ = 0;
  size_t position_ = 0;
};

std::string kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Json::value_t::string: {
      const std::string& text = value.get_ref<const std::string&>();
      constexpr size_t kShown = 40;
      return text.size() <= kShown ? value.dump() : "a string";
    }
    default:
      return value.dump();
  }
}

}  // namespace

Json parse_json(std::string_view body, const JsonLimits& limits) {
  if (const size_t invalid = find_invalid_utf8(body); invalid != std::string_view::npos)
    refuse_body(ErrorCode::kInvalidText,
                fmt::format("the body is not UTF-8: byte {} is not valid", invalid));
  TreeBuilder builder(limits);
  if (Json::sax_parse(body.begin(), body.end(), &builder)) return builder.take();
  if (builder.position() > body.size())
    refuse_body(ErrorCode::kUsage, body.empty() ? "expected a JSON object, but the body is empty"
                                                : "the body is not JSON: it ends too early");
  refuse_body(ErrorCode::kUsage, fmt::format("the body is not JSON: it goes wrong at byte {}",
                                             std::max<size_t>(builder.position(), 1) - 1));
}

namespace {

void append_python_dump(const Json& value, std::string& out) {
  if (value.is_object()) {
    out += '{';
    for (auto member = value.begin(); member != value.end(); ++member) {
      if (member != value.begin()) out += ", ";
      out += Json(member.key()).dump() + ": ";
      append_python_dump(member.value(), out);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      append_python_dump(value[i], out);
    }
    out += ']';
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string python_dump(const Json& value) {
  std::string out;
  append_python_dump(value, out);
  return out;
}

const std::string& Field::text() const {
  if (!value_->is_string()) refuse_type("a string");
  return value_->get_ref<const std::string&>();
}

bool Field::boolean() const {
  if (!value_->is_boolean()) refuse_type("true or false");
  return value_->get<bool>();
}

int64_t Field::integer(int64_t least, int64_t most) const {
  constexpr double kExactDouble = 9007199254740992.0;  // 2^53
  std::optional<int64_t> number;
  if (value_->is_number_unsigned()) {
    const auto wide = value_->get<uint64_t>();
    if (wide <= static_cast<uint64_t>(INT64_MAX)) number = static_cast<int64_t>(wide);
  } else if (value_->is_number_integer()) {
    number = value_->get<int64_t>();
  } else if (value_->is_number_float()) {
    const auto real = value_->get<double>();
    if (std::trunc(real) != real) refuse_type("an integer");
    if (std::abs(real) <= kExactDouble) number = static_cast<int64_t>(real);
  } else {
    refuse_type("an integer");
  }
  if (!number || *number < least || *number > most)
    refuse_type(fmt::format("an integer of {} to {}", least, most).c_str());
  return *number;
}

double Field::number() const {
  if (!value_->is_number()) refuse_type("a number");
  return value_->get<double>();
}

std::optional<Field> Field::find(const char* name) const {
  if (!value_->is_object()) refuse_type("an object");
  const auto found = value_->find(name);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return Field(*found, joined(path_, name));
}

Field Field::require(const char* name) const {
  if (const std::optional<Field> found = find(name)) return *found;
  const std::string path = joined(path_, name);
  throw RequestError(ErrorCode::kUsage, path + " is missing", path);
}

std::vector<Field> Field::elements() const {
  if (!value_->is_array()) refuse_type("a list");
  std::vector<Field> fields;
  fields.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i)
    fields.emplace_back((*value_)[i], fmt::format("{}[{}]", path_, i));
  return fields;
}

void Field::refuse_type(const char* expected) const {
  refuse(fmt::format("expected {}, got {}", expected, kind_of(*value_)));
}

void Field::refuse(const std::string& sentence, ErrorCode code) const {
  throw RequestError(code, path_.empty() ? sentence : path_ + ": " + sentence, path_);
}

Field root_field(const Json& body) {
  if (!body.is_object())
    refuse_body(ErrorCode::kUsage,
                fmt::format("expected a JSON object, but the body is {}", kind_of(body)));
  return {body, ""};
}

}  // namespace stapes::serve
