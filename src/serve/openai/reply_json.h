// Pieces of OpenAI's replies that several of them have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/openai/json_body.h"
#include "stapes/engine.h"

namespace stapes::serve {

// One line, valid UTF-8.
std::string reply_text(const Json& json);

// "stop", "length", "tool_calls"; "abort" for what was cancelled, as vLLM has it.
Json finish_reason_json(const Result& result, bool called_tools);
// vLLM's: the stop text or the request's own stop token that ended the answer; else null.
Json stop_reason_json(const Result& result, std::span<const int64_t> stop_token_ids);

// All samples of one prompt: the prompt counts once.
Json usage_json(std::span<const Result> samples);
// Sums of several.
Json sum_of_usages(const std::vector<Json>& usages);

// A token as text: as it is if it is valid UTF-8, else OpenAI's "bytes:\xe6\x97".
std::string token_text(std::string_view bytes);
// -infinity has no JSON: -9999 stands for it, as in OpenAI's replies.
double json_logprob(double logprob);
// Of chat completions: {"token", "logprob", "bytes", "top_logprobs"}.
Json chat_logprob_json(const GeneratedToken& token);

}  // namespace stapes::serve
