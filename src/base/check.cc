#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace stapes {

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  std::fprintf(stderr, "%s:%d: a bug in Stapes: %s does not hold. %s\n", file, line, condition,
               message.c_str());
  std::abort();
}

}  // namespace stapes
