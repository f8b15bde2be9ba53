#include "serve/openai/completion_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "serve/openai/json_body.h"
#include "serve/openai/sampling_fields.h"

namespace stapes::serve {
namespace {

constexpr int kDefaultMaxTokens = 16;  // OpenAI's
constexpr size_t kMostPrompts = 32;

RawPrompt read_ids(const Field& field) {
  RawPrompt prompt;
  for (const Field& id : field.elements())
    prompt.ids.push_back(id.integer(0, std::numeric_limits<int32_t>::max()));
  if (prompt.ids.empty()) field.refuse("expected at least one token id, got none");
  return prompt;
}

RawPrompt read_text(const Field& field, const ModelFacts& facts) {
  check_text_size(field, facts);
  if (field.text().empty()) field.refuse("expected a text of at least one token, got an empty one");
  return {.text = field.text(), .ids = {}};
}

// A text, a list of texts, a list of ids, or a list of lists of ids.
std::vector<RawPrompt> read_prompts(const Field& field, const ModelFacts& facts) {
  constexpr const char* kExpected = "a text, token ids, or a list of these";
  if (field.is_string()) return {read_text(field, facts)};
  if (!field.is_array()) field.refuse_type(kExpected);
  const std::vector<Field> fields = field.elements();
  if (fields.empty()) field.refuse("expected at least one prompt, got none");
  if (fields.front().is_integer()) return {read_ids(field)};
  if (fields.size() > kMostPrompts)
    field.refuse(fmt::format("expected at most {} prompts, got {}", kMostPrompts, fields.size()));
  std::vector<RawPrompt> prompts;
  for (const Field& prompt : fields) {
    if (!prompt.is_string() && !prompt.is_array()) prompt.refuse_type(kExpected);
    prompts.push_back(prompt.is_string() ? read_text(prompt, facts) : read_ids(prompt));
  }
  return prompts;
}

void refuse_other_unsupported(const Field& body, int samples) {
  if (const auto suffix = body.find("suffix"); suffix && !suffix->text().empty())
    suffix->refuse("is not supported", ErrorCode::kUnsupported);
  if (const auto best_of = body.find("best_of"); best_of && best_of->integer(1, 1000) > samples)
    best_of->refuse("expected at most n: answers are not ranked", ErrorCode::kUnsupported);
}

}  // namespace

CompletionRequest parse_completion_request(std::string_view json_body, const ModelFacts& facts) {
  const Json json = parse_json(json_body);
  const Field body = root_field(json);
  refuse_unsupported(body);
  const StreamFields stream = read_stream_fields(body);
  CompletionRequest request;
  request.stream = stream.stream;
  request.include_usage = stream.include_usage;
  Request common;
  common.split_thinking = false;
  common.sampling = read_sampling(body, facts, kDefaultMaxTokens);
  common.samples = read_samples(body);
  refuse_other_unsupported(body, common.samples);
  if (const auto skip = body.find("skip_special_tokens"))
    common.show_special_tokens = !skip->boolean();
  if (const auto echo = body.find("echo")) request.echo = echo->boolean();
  if (const auto logprobs = body.find("logprobs")) {
    common.sampling.logprobs = static_cast<int>(logprobs->integer(0, 20));
    if (request.echo)
      logprobs->refuse("is not supported together with echo", ErrorCode::kUnsupported);
  }
  const std::vector<RawPrompt> prompts = read_prompts(body.require("prompt"), facts);
  if (static_cast<int>(prompts.size()) * common.samples > kMostSamples)
    body.require("prompt").refuse(
        fmt::format("expected at most {} answers to all prompts together, got {} prompts and n {}",
                    kMostSamples, prompts.size(), common.samples));
  for (const RawPrompt& prompt : prompts) {
    request.natives.push_back(common);
    request.natives.back().raw_prompt = prompt;
  }
  return request;
}

}  // namespace stapes::serve
