#include "serve/openai/reply_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/utf8.h"

namespace stapes::serve {
namespace {

Json bytes_json(std::string_view bytes) {
  Json json = Json::array();
  for (const char byte : bytes) json.push_back(static_cast<unsigned char>(byte));
  return json;
}

Json logprob_json(const TokenLogprob& token) {
  return {{"token", token_text(token.bytes)},
          {"logprob", json_logprob(token.logprob)},
          {"bytes", bytes_json(token.bytes)}};
}

// Adds the numbers of `more` to those of `sum`, object by object.
void add_numbers(const Json& more, Json& sum) {
  for (const auto& [name, value] : more.items()) {
    if (value.is_object()) {
      if (!sum.contains(name)) sum[name] = Json::object();
      add_numbers(value, sum[name]);
    } else {
      sum[name] = sum.value(name, int64_t{0}) + value.get<int64_t>();
    }
  }
}

}  // namespace

std::string reply_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json finish_reason_json(const Result& result, bool called_tools) {
  switch (result.finish) {
    case FinishReason::kStop:
      return called_tools ? "tool_calls" : "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "abort";
  }
  return nullptr;
}

Json stop_reason_json(const Result& result, std::span<const int64_t> stop_token_ids) {
  if (!result.stop_text.empty()) return result.stop_text;
  if (result.stop_token_id && std::ranges::count(stop_token_ids, *result.stop_token_id) > 0)
    return *result.stop_token_id;
  return nullptr;
}

Json usage_json(std::span<const Result> samples) {
  const Usage& prompt = samples.front().usage;
  int64_t thinking = 0;
  int64_t answer = 0;
  for (const Result& sample : samples) {
    thinking += sample.usage.thinking_tokens;
    answer += sample.usage.answer_tokens;
  }
  return {{"prompt_tokens", prompt.prompt_tokens},
          {"completion_tokens", thinking + answer},
          {"total_tokens", prompt.prompt_tokens + thinking + answer},
          {"prompt_tokens_details",
           {{"cached_tokens", prompt.cached_tokens}, {"audio_tokens", prompt.audio_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", thinking}, {"audio_tokens", 0}}}};
}

Json sum_of_usages(const std::vector<Json>& usages) {
  Json sum = Json::object();
  for (const Json& usage : usages) add_numbers(usage, sum);
  return sum;
}

std::string token_text(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return std::string(bytes);
  std::string text = "bytes:";
  for (const char byte : bytes)
    text += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return text;
}

double json_logprob(double logprob) {
  constexpr double kLowest = -9999.0;
  return std::max(logprob, kLowest);
}

Json chat_logprob_json(const GeneratedToken& token) {
  Json json = logprob_json(token.chosen);
  Json& top = json["top_logprobs"] = Json::array();
  for (const TokenLogprob& other : token.top) top.push_back(logprob_json(other));
  return json;
}

}  // namespace stapes::serve
