// A request's body as JSON from a hostile source: parsed within limits, read by fields that know
// their path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/openai/request_error.h"

namespace stapes::serve {

using Json = nlohmann::ordered_json;  // tools are shown to the model in the client's order

struct JsonLimits {
  size_t max_depth = 64;
  size_t max_values = 250'000;  // 10,000 messages of several parts are some 100,000
};

// Throws RequestError: kInvalidText (not UTF-8), kUsage (not JSON, and where; a name twice in one
// object; a number that no double holds), kTooLarge (over the limits). The size of the body in
// bytes is the caller's to limit.
Json parse_json(std::string_view body, const JsonLimits& limits = {});

// The usual way to write Python's json.dumps(value, ensure_ascii=False): `{"a": [1, 2]}`. Models
// have seen tools written so.
std::string python_dump(const Json& value);

// A view of one value, and where it stands. Everything that is not as expected throws RequestError
// (kUsage) naming the path, what was expected and what came.
class Field {
 public:
  Field(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  const Json& json() const { return *value_; }
  const std::string& path() const { return path_; }

  bool is_string() const { return value_->is_string(); }
  bool is_array() const { return value_->is_array(); }
  bool is_object() const { return value_->is_object(); }
  bool is_integer() const { return value_->is_number_integer(); }

  const std::string& text() const;
  bool boolean() const;
  // 100.0 is an integer too.
  int64_t integer(int64_t least, int64_t most) const;
  double number() const;

  // Of an object: null counts as absent.
  std::optional<Field> find(const char* name) const;
  Field require(const char* name) const;
  // Of an array.
  std::vector<Field> elements() const;

  // `what` came in place of `expected`.
  [[noreturn]] void refuse_type(const char* expected) const;
  // "PATH: SENTENCE"
  [[noreturn]] void refuse(const std::string& sentence, ErrorCode code = ErrorCode::kUsage) const;

 private:
  const Json* value_;
  std::string path_;
};

// The whole body, which must be an object.
Field root_field(const Json& body);

}  // namespace stapes::serve
