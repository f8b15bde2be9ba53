#include "serve/error_replies.h"

#include <new>

#include "base/log.h"
#include "serve/openai/request_error.h"

namespace stapes::serve {
namespace {

constexpr const char* kSecondsToWait = "1";

std::string type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

HttpReply reply(int status, std::string json) {
  HttpReply reply{.status = status, .body = std::move(json)};
  if (status == 429 || status == 503) reply.headers.push_back({"retry-after", kSecondsToWait});
  return reply;
}

}  // namespace

HttpReply error_reply(int status, const std::string& sentence, const std::string& code) {
  return reply(status, error_json(sentence, type_of(status), "", code));
}

HttpReply error_reply_of_current_exception(const std::string& request_id) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    spdlog::error("request {}: not enough memory", request_id);
    return error_reply(503, "the server has not enough memory for this at the moment",
                       "out_of_memory");
  } catch (const std::exception& error) {
    ErrorReply said = error_reply(error);
    if (said.status >= 500) spdlog::error("request {}: {}", request_id, error.what());
    return reply(said.status, std::move(said.json));
  }
}

}  // namespace stapes::serve
