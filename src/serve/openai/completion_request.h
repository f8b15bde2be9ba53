// The body of POST /v1/completions, read: text goes on, without chat format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/openai/request_error.h"
#include "serve/openai/server_facts.h"
#include "stapes/engine.h"

namespace stapes::serve {

struct CompletionRequest {
  std::vector<Request> natives;  // one for each prompt; each with `n` samples
  bool stream = false;
  bool include_usage = false;
  // The prompt's text stands before the answer's. For prompts given as ids: Engine::detokenize.
  bool echo = false;
};

// As parse_chat_request.
CompletionRequest parse_completion_request(std::string_view json_body, const ModelFacts& facts);

}  // namespace stapes::serve
