#include "tensor/quoted_name.h"

#include <nlohmann/json.hpp>

namespace stapes {

std::string quoted_name(const std::string& text) {
  using nlohmann::json;
  constexpr size_t kMaxChars = 120;
  const std::string escaped =
      json(text.substr(0, kMaxChars))
          .dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  return escaped.size() <= kMaxChars && text.size() <= kMaxChars
             ? escaped
             : escaped.substr(0, kMaxChars) + "...\"";
}

}  // namespace stapes
