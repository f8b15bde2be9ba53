// The small endpoints: /v1/models, /tokenize, /detokenize, /openapi.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "serve/openai/request_error.h"
#include "serve/openai/server_facts.h"
#include "stapes/engine.h"

namespace stapes::serve {

// created: seconds since 1970, the server's start.
std::string models_json(const ModelFacts& facts, int64_t created);
// One entry of the list, for /v1/models/ID.
std::string model_json(const ModelFacts& facts, int64_t created);

struct TokenizeRequest {
  std::variant<std::string, Request> input;  // a text, or a chat
  bool control_tokens = true;                // in a text: as Engine::tokenize
  bool return_pieces = false;
};
// {"prompt": text} or {"messages": [...]}. Throws as parse_chat_request.
TokenizeRequest parse_tokenize_request(std::string_view json_body, const AudioPolicy& policy,
                                       const ModelFacts& facts);
// The whole endpoint: body in, body out. Throws as that and as Engine::tokenize, prompt_ids.
std::string tokenize_reply(const Engine& engine, std::string_view json_body,
                           const AudioPolicy& policy, const ModelFacts& facts);
// {"tokens": [ids]} to {"prompt": text, ...}. Throws kUsage for ids that are none.
std::string detokenize_reply(const Engine& engine, std::string_view json_body);

// The OpenAPI 3.1 document of all that `stapes serve` answers.
std::string openapi_json(const std::string& version);

}  // namespace stapes::serve
