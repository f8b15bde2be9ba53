// GET /v1/models and /v1/models/ID
#include <charconv>

#include "serve/error_replies.h"
#include "serve/openai/other_bodies.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

constexpr std::string_view kPrefix = "/v1/models/";

// "%2F" and the like; what is not of this form stays.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace

void add_models(Router& router, const ServeContext& context) {
  router.add({.method = "GET",
              .path = "/v1/models",
              .endpoint = [&context](const HttpRequest&, const Waker&) -> Answer {
                return HttpReply{.body = models_json(context.facts, context.started)};
              }});
  router.add({.method = "GET",
              .path = "/v1/models/*",
              .endpoint = [&context](const HttpRequest& request, const Waker&) -> Answer {
                const std::string id =
                    percent_decoded(std::string_view(request.path).substr(kPrefix.size()));
                if (id != context.facts.id)
                  return error_reply(404,
                                     "expected the model " + context.facts.id + ", got another one",
                                     "model_not_found");
                return HttpReply{.body = model_json(context.facts, context.started)};
              }});
}

}  // namespace stapes::serve
