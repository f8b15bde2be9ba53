#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <cstdlib>

namespace stapes {

void start_log() {
  auto log = spdlog::stderr_color_mt("stapes");
  log->set_pattern("%H:%M:%S %^%l%$ %v");
  const char* level = std::getenv("STAPES_LOG");
  log->set_level(level != nullptr ? spdlog::level::from_str(level) : spdlog::level::warn);
  spdlog::set_default_logger(std::move(log));
}

}  // namespace stapes
