// GET /health: 200 where requests are answered, else 503; without a key.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

HttpReply health(const ServeContext& context) {
  nlohmann::ordered_json body = {{"status", "ok"}, {"model", context.facts.id}};
  HttpReply reply;
  if (const auto standstill = context.watch.standstill()) {
    reply.status = 503;
    body["status"] = "stuck";
    body["message"] = fmt::format("the model has not moved for {} s", standstill->count());
  } else if (context.draining) {
    reply.status = 503;
    body["status"] = "draining";
    body["message"] = "what has begun is ended, and nothing new is taken";
  }
  const EngineCounters counters = context.engine.counters();
  body["queued_requests"] = counters.queued_requests;
  body["live_sequences"] = counters.live_sequences;
  reply.headers = {{"cache-control", "no-store"}};
  reply.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return reply;
}

}  // namespace

void add_health(Router& router, const ServeContext& context) {
  router.add({.method = "GET",
              .path = "/health",
              .needs_key = false,
              .while_draining = true,
              .endpoint = [&context](const HttpRequest&, const Waker&) -> Answer {
                return health(context);
              }});
}

}  // namespace stapes::serve
