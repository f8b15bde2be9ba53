// The process's log: stderr, level from STAPES_LOG (trace, debug, info, warn, error, off; default warn).
// spdlog's own functions (spdlog::info, spdlog::warn, ...) are used after this has run once in main.
#pragma once

#include <spdlog/spdlog.h>

namespace stapes {

void start_log();

}  // namespace stapes
