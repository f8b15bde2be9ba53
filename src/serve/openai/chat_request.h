// The body of POST /v1/chat/completions, read: OpenAI's fields, those of vLLM that people use, and
// those of the release's own client (docs/http-protocol.md has the list).
#pragma once

#include <string>
#include <string_view>

#include "serve/openai/request_error.h"
#include "serve/openai/server_facts.h"
#include "stapes/engine.h"

namespace stapes::serve {

struct ChatRequest {
  Request native;  // clips decoded, and cut every 25 s
  bool stream = false;
  bool include_usage = false;  // stream: a last chunk with the usage
  ReasoningFormat reasoning_format = ReasoningFormat::kReasoningContent;
  bool client_opened_thought = false;  // its own message at the end did; so <think> is not repeated
  bool parse_tool_calls = false;       // tools were offered
  bool speech = false;  // the prompt ends in <tts_start>: the answer is written as tts_content
};

// Unknown fields are accepted, null is as good as absent. Throws RequestError (an Error with the
// path of the field): kUsage (wrong type or value, broken JSON), kInvalidText, kInvalidAudio,
// kTooLarge, kNotFound (a file), or what AudioPolicy::fetch throws.
ChatRequest parse_chat_request(std::string_view json_body, const AudioPolicy& policy,
                               const ModelFacts& facts);

}  // namespace stapes::serve
