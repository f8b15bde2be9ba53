// POST /tokenize and /detokenize
#include <memory>
#include <utility>

#include "serve/generation.h"
#include "serve/openai/other_bodies.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

// Bodies may hold sound, so they are read by a worker. `reply` makes a body of a body.
template <typename Reply>
Answer from_worker(const ServeContext& context, HttpRequest request, Waker wake, Reply reply) {
  std::string id = request.id;
  auto shared = std::make_shared<const HttpRequest>(std::move(request));
  return reply_from_worker(context.pool, std::move(id), std::move(wake),
                           [shared, reply] { return HttpReply{.body = reply(shared->body)}; });
}

}  // namespace

void add_tokenize(Router& router, const ServeContext& context) {
  router.add({.method = "POST",
              .path = "/tokenize",
              .endpoint = [&context](HttpRequest request, Waker wake) {
                return from_worker(context, std::move(request), std::move(wake),
                                   [&context](const std::string& body) {
                                     return tokenize_reply(context.engine, body, context.audio,
                                                           context.facts);
                                   });
              }});
  router.add({.method = "POST",
              .path = "/detokenize",
              .endpoint = [&context](HttpRequest request, Waker wake) {
                return from_worker(context, std::move(request), std::move(wake),
                                   [&context](const std::string& body) {
                                     return detokenize_reply(context.engine, body);
                                   });
              }});
}

}  // namespace stapes::serve
