// POST /v1/completions
#include <ctime>
#include <utility>

#include "serve/generation.h"
#include "serve/openai/completion_reply.h"
#include "serve/openai/completion_request.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

class CompletionWriter final : public AnswerWriter {
 public:
  explicit CompletionWriter(CompletionReplyWriter writer) : writer_(std::move(writer)) {}
  std::vector<std::string> on_delta(size_t prompt, const Delta& delta) override {
    return writer_.on_delta(prompt, delta);
  }
  std::vector<std::string> on_end(const std::vector<std::vector<Result>>& results) override {
    return writer_.on_end(results);
  }
  std::string whole(const std::vector<std::vector<Result>>& results) override {
    return writer_.whole(results);
  }

 private:
  CompletionReplyWriter writer_;
};

// What is echoed before each prompt's answer.
std::vector<std::string> texts_of_prompts(const Engine& engine, const CompletionRequest& request) {
  std::vector<std::string> texts;
  for (const Request& native : request.natives) {
    const RawPrompt prompt = native.raw_prompt.value_or(RawPrompt());
    texts.push_back(prompt.ids.empty() ? prompt.text : engine.detokenize(prompt.ids));
  }
  return texts;
}

ParsedBody parse_completion(const ServeContext& context, const HttpRequest& http) {
  ModelFacts facts = context.facts;
  facts.seed = context.new_seed();
  CompletionRequest completion = parse_completion_request(http.body, facts);
  std::vector<std::string> echoed;
  if (completion.echo) echoed = texts_of_prompts(context.engine, completion);
  ParsedBody parsed;
  parsed.stream = completion.stream;
  parsed.writer = std::make_unique<CompletionWriter>(CompletionReplyWriter(
      completion, std::move(echoed), "cmpl-" + http.id, std::time(nullptr), facts.id));
  parsed.requests = std::move(completion.natives);
  return parsed;
}

}  // namespace

void add_completions(Router& router, const ServeContext& context) {
  router.add({.method = "POST",
              .path = "/v1/completions",
              .endpoint = [&context](HttpRequest request, Waker wake) -> Answer {
                return Generation::begin(context.engine, context.pool, std::move(request),
                                         std::move(wake), [&context](const HttpRequest& http) {
                                           return parse_completion(context, http);
                                         });
              }});
}

}  // namespace stapes::serve
