// fail(code, "expected {}, got {}", ...): throws stapes::Error with a formatted sentence.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "stapes/error.h"

namespace stapes {

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace stapes
