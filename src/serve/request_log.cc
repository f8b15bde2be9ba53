#include "serve/request_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace stapes::serve {
namespace {

using Json = nlohmann::ordered_json;

// Messages of the logger of this name are JSON objects already.
constexpr const char* kJsonLogger = "requests";
constexpr size_t kLongestPath = 200;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& target) override {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto since = message.time.time_since_epoch();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(message.time);
    const auto level = spdlog::level::to_string_view(message.level);
    Json line = {{"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                                      duration_cast<milliseconds>(since).count() % 1000)},
                 {"level", std::string(level.data(), level.size())}};
    const std::string payload(message.payload.data(), message.payload.size());
    const std::string_view logger(message.logger_name.data(), message.logger_name.size());
    if (logger == kJsonLogger) {
      line.update(Json::parse(payload));
    } else {
      line["message"] = payload;
    }
    const std::string text = dump(line) + "\n";
    target.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

std::string short_path(const RequestEnd& end) {
  return end.path.size() <= kLongestPath ? end.path : end.path.substr(0, kLongestPath) + "...";
}

double rounded(double value) {
  return std::round(value * 10) / 10;
}

}  // namespace

void log_as_json() {
  const auto log = spdlog::default_logger();
  log->set_formatter(std::make_unique<JsonFormatter>());
  const auto requests =
      std::make_shared<spdlog::logger>(kJsonLogger, log->sinks().begin(), log->sinks().end());
  requests->set_level(log->level());
  spdlog::register_logger(requests);
}

void log_request(const RequestEnd& end) {
  const bool probe = end.status == 200 && (end.path == "/health" || end.path == "/metrics");
  const auto level = probe ? spdlog::level::debug : spdlog::level::info;
  if (const auto json = spdlog::get(kJsonLogger)) {
    if (json->should_log(level)) json->log(level, request_as_json(end));
  } else if (spdlog::should_log(level)) {
    spdlog::log(level, "{}", request_as_text(end));
  }
}

std::string request_as_text(const RequestEnd& end) {
  std::string text = fmt::format(
      "{} {} {} {} {} in {:.0f} ms", end.id, end.peer, end.method.empty() ? "-" : end.method,
      end.path.empty() ? "-" : short_path(end), end.status, end.total_ms);
  const AnswerFacts& answer = end.answer;
  if (answer.prompt_tokens > 0)
    text += fmt::format(", {} + {} tokens, first after {:.0f} ms", answer.prompt_tokens,
                        answer.generated_tokens, answer.first_token_ms);
  if (answer.audio_seconds > 0) text += fmt::format(", {:.1f} s of sound", answer.audio_seconds);
  if (answer.failed_status > 0) text += fmt::format(", failed with {}", answer.failed_status);
  return text;
}

std::string request_as_json(const RequestEnd& end) {
  Json json = {{"message", "request"},
               {"id", end.id},
               {"peer", end.peer},
               {"method", end.method},
               {"path", short_path(end)},
               {"status", end.status},
               {"ms", rounded(end.total_ms)},
               {"received_bytes", end.body_bytes},
               {"sent_bytes", end.sent_bytes}};
  const AnswerFacts& answer = end.answer;
  if (answer.prompt_tokens > 0) {
    json["prompt_tokens"] = answer.prompt_tokens;
    json["generated_tokens"] = answer.generated_tokens;
    json["first_token_ms"] = rounded(answer.first_token_ms);
  }
  if (answer.audio_seconds > 0) json["audio_seconds"] = rounded(answer.audio_seconds);
  if (answer.failed_status > 0) json["failed_status"] = answer.failed_status;
  return dump(json);
}

}  // namespace stapes::serve
