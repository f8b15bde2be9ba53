// POST /v1/chat/completions
#include <ctime>
#include <utility>

#include "serve/generation.h"
#include "serve/openai/chat_reply.h"
#include "serve/openai/chat_request.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

class ChatWriter final : public AnswerWriter {
 public:
  explicit ChatWriter(ChatReplyWriter writer) : writer_(std::move(writer)) {}
  std::vector<std::string> on_delta(size_t, const Delta& delta) override {
    return writer_.on_delta(delta);
  }
  std::vector<std::string> on_end(const std::vector<std::vector<Result>>& results) override {
    return writer_.on_end(results.front());
  }
  std::string whole(const std::vector<std::vector<Result>>& results) override {
    return writer_.whole(results.front());
  }

 private:
  ChatReplyWriter writer_;
};

ParsedBody parse_chat(const ServeContext& context, const HttpRequest& http) {
  ModelFacts facts = context.facts;
  facts.seed = context.new_seed();
  ChatRequest chat = parse_chat_request(http.body, context.audio, facts);
  ParsedBody parsed;
  parsed.stream = chat.stream;
  parsed.writer = std::make_unique<ChatWriter>(
      ChatReplyWriter(chat, "chatcmpl-" + http.id, std::time(nullptr), facts.id));
  parsed.requests.push_back(std::move(chat.native));
  return parsed;
}

}  // namespace

void add_chat(Router& router, const ServeContext& context) {
  router.add({.method = "POST",
              .path = "/v1/chat/completions",
              .endpoint = [&context](HttpRequest request, Waker wake) -> Answer {
                return Generation::begin(
                    context.engine, context.pool, std::move(request), std::move(wake),
                    [&context](const HttpRequest& http) { return parse_chat(context, http); });
              }});
}

}  // namespace stapes::serve
