#include "serve/openai/other_bodies.h"

#include <limits>
#include <utility>

#include "serve/openai/chat_request.h"
#include "serve/openai/json_body.h"
#include "serve/openai/reply_json.h"
#include "serve/openai/sampling_fields.h"

namespace stapes::serve {
namespace {

Json model_object(const ModelFacts& facts, int64_t created) {
  return {{"id", facts.id},
          {"object", "model"},
          {"created", created},
          {"owned_by", "stapes"},
          {"max_model_len", facts.context_tokens}};
}

bool flag(const Field& body, const char* name, bool otherwise) {
  const auto field = body.find(name);
  return field ? field->boolean() : otherwise;
}

}  // namespace

std::string model_json(const ModelFacts& facts, int64_t created) {
  return reply_text(model_object(facts, created));
}

std::string models_json(const ModelFacts& facts, int64_t created) {
  return reply_text({{"object", "list"}, {"data", Json::array({model_object(facts, created)})}});
}

TokenizeRequest parse_tokenize_request(std::string_view json_body, const AudioPolicy& policy,
                                       const ModelFacts& facts) {
  const Json json = parse_json(json_body);
  const Field body = root_field(json);
  TokenizeRequest request;
  request.return_pieces = flag(body, "return_token_strs", flag(body, "with_pieces", false));
  request.control_tokens = flag(body, "parse_special", true);
  if (body.find("messages")) {
    request.input = parse_chat_request(json_body, policy, facts).native;
    return request;
  }
  const auto content = body.find("content");
  const Field text = content ? *content : body.require("prompt");
  check_text_size(text, facts);
  request.input = text.text();
  return request;
}

std::string tokenize_reply(const Engine& engine, std::string_view json_body,
                           const AudioPolicy& policy, const ModelFacts& facts) {
  const TokenizeRequest request = parse_tokenize_request(json_body, policy, facts);
  const std::string* const text = std::get_if<std::string>(&request.input);
  const std::vector<int64_t> ids = text != nullptr
                                       ? engine.tokenize(*text, request.control_tokens)
                                       : engine.prompt_ids(std::get<Request>(request.input));
  Json json = {{"count", ids.size()}, {"max_model_len", engine.context_tokens()}, {"tokens", ids}};
  if (request.return_pieces) {
    Json& pieces = json["token_strs"] = Json::array();
    for (const int64_t id : ids) pieces.push_back(token_text(engine.detokenize({&id, 1})));
  }
  return reply_text(json);
}

std::string detokenize_reply(const Engine& engine, std::string_view json_body) {
  const Json json = parse_json(json_body);
  const Field tokens = root_field(json).require("tokens");
  std::vector<int64_t> ids;
  for (const Field& id : tokens.elements())
    ids.push_back(id.integer(0, std::numeric_limits<int32_t>::max()));
  try {
    const std::string text = engine.detokenize(ids);
    return reply_text({{"prompt", text}, {"content", text}});
  } catch (const Error& error) {
    throw RequestError(error.code(), std::string("tokens: ") + error.what(), "tokens");
  }
}

}  // namespace stapes::serve
