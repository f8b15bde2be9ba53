// What a client did wrong, and how that is said in OpenAI's JSON.
#pragma once

#include <exception>
#include <string>

#include "stapes/error.h"

namespace stapes::serve {

// An Error about one field of the request's body.
class RequestError : public Error {
 public:
  // param: "messages[0].content[1].input_audio.data"; empty: the body as a whole.
  RequestError(ErrorCode code, const std::string& sentence, std::string param)
      : Error(code, sentence), param_(std::move(param)) {}
  const std::string& param() const noexcept { return param_; }

 private:
  std::string param_;
};

struct ErrorReply {
  int status = 500;
  std::string json;  // {"error": {"message", "type", "param", "code"}}
};

// Whatever the parsing of a request or the engine threw. What is not an Error is a fault of ours:
// status 500, and its words do not reach the client.
ErrorReply error_reply(const std::exception& error);

// For what is decided outside of this folder (401, 404, 405, 429, ...).
// type: "invalid_request_error", "authentication_error", "rate_limit_error", "server_error", ...
// An empty param or code is null.
std::string error_json(const std::string& message, const std::string& type,
                       const std::string& param = "", const std::string& code = "");

}  // namespace stapes::serve
