#include "report/json_fields.h"

#include <fmt/format.h>

namespace stapes::report {

std::string text_field(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() || found->is_boolean() ? found->dump() : std::string();
}

int64_t integer_field(const Json& object, const char* name) {
  if (!object.is_object()) return 0;
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::optional<double> number_field(const Json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string cut(std::string text) {
  constexpr size_t kMostBytes = 16 << 10;
  if (text.size() <= kMostBytes) return text;
  const size_t all = text.size();
  size_t end = kMostBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + fmt::format("\n[… cut here: {} of {} bytes are shown]", end, all);
}

}  // namespace stapes::report
