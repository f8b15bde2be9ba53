// STAPES_CHECK(condition, "format", ...): aborts with file and line. Only for our own bugs:
// whatever a user, a file or the network can cause is an Error (base/fail.h).
#pragma once

#include <fmt/format.h>

#include <string>

namespace stapes {

[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& message);

}  // namespace stapes

#define STAPES_CHECK(condition, ...)                                                         \
  do {                                                                                       \
    if (!(condition)) [[unlikely]]                                                           \
      ::stapes::check_failed(#condition, __FILE__, __LINE__, fmt::format("" __VA_ARGS__)); \
  } while (false)
