// GET /metrics: Prometheus' text format.
#include "serve/metrics.h"

#include "serve/serve_context.h"

namespace stapes::serve {

void add_metrics(Router& router, const ServeContext& context) {
  router.add({.method = "GET",
              .path = "/metrics",
              .while_draining = true,
              .endpoint = [&context](const HttpRequest&, const Waker&) -> Answer {
                return HttpReply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = context.metrics.text(context.now())};
              }});
}

}  // namespace stapes::serve
