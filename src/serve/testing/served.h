// For tests: a server with a small model on any free port.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/log.h"
#include "engine/testing/endless_model.h"
#include "serve/server.h"
#include "serve/testing/raw_client.h"

namespace stapes::serve::testing {

using Json = nlohmann::json;

// Not a line for each request.
inline const bool kQuiet = [] {
  spdlog::set_level(spdlog::level::warn);
  return true;
}();

inline Engine open_engine(const std::filesystem::path& model, EngineOptions options = {}) {
  options.threads = 1;
  return Engine::open(model, options);
}

inline ServeOptions on_any_port() {
  ServeOptions options;
  options.http.port = 0;
  return options;
}

// The small model of the repository.
inline std::filesystem::path tiny_model() {
  return std::filesystem::path(STAPES_SOURCE_DIR) / "models/tiny";
}

// A model that writes until it is stopped, made once.
inline const std::filesystem::path& endless_model() {
  static const stapes::testing::TemporaryFolder* const folder = [] {
    auto* made = new stapes::testing::TemporaryFolder;
    stapes::testing::write_endless_model(made->path());
    return made;
  }();
  return folder->path();
}

inline bool comes_true(const std::function<bool()>& condition,
                       std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

// A chat of one question. `more`: other fields of the body.
inline std::string chat_body(const std::string& question, Json more = Json::object()) {
  more["messages"] = Json::array({{{"role", "user"}, {"content", question}}});
  if (!more.contains("temperature")) more["temperature"] = 0;
  return more.dump();
}

inline constexpr const char* kChat = "/v1/chat/completions";

// The data of each event of a stream, in order.
inline std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> events;
  for (size_t begin = 0; begin < body.size();) {
    if (body[begin] == '\n') {  // a sign of life
      ++begin;
      continue;
    }
    const size_t end = body.find("\n\n", begin);
    if (end == std::string::npos) {
      events.push_back("UNENDED " + body.substr(begin));
      break;
    }
    const std::string event = body.substr(begin, end - begin);
    if (event.starts_with("data: ")) events.push_back(event.substr(6));
    if (!event.starts_with("data: ") && !event.starts_with(":")) events.push_back("ODD " + event);
    begin = end + 2;
  }
  return events;
}

}  // namespace stapes::serve::testing
