// One line of log for each request: never its text or its sound.
#pragma once

#include <string>

#include "serve/http/http_app.h"

namespace stapes::serve {

// From now on each line on stderr is a JSON object: {"time", "level", "message"}, and those of
// requests with their own keys. To be called once, before threads begin to log.
void log_as_json();

// At level info; at debug what others ask every few seconds (/health, /metrics). As text: "req-1 127.0.0.1:5000 POST /v1/chat/completions 200 in 523 ms, ...".
void log_request(const RequestEnd& end);

// For tests: what log_request says.
std::string request_as_text(const RequestEnd& end);
std::string request_as_json(const RequestEnd& end);

}  // namespace stapes::serve
