// Fields of JSON that somebody else wrote: what is missing or of another kind is empty, not an
// error.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace stapes::report {

using Json = nlohmann::ordered_json;

std::string text_field(const Json& object, const char* name);
int64_t integer_field(const Json& object, const char* name);  // 0 where there is none
std::optional<double> number_field(const Json& object, const char* name);

// At most 16 KiB, cut between characters, with a word that says so.
std::string cut(std::string text);

}  // namespace stapes::report
