// GET /openapi.json
#include "serve/openai/other_bodies.h"
#include "serve/serve_context.h"

namespace stapes::serve {

void add_openapi(Router& router, const ServeContext& context) {
  router.add({.method = "GET",
              .path = "/openapi.json",
              .endpoint = [body = openapi_json(context.options.version)](const HttpRequest&,
                                                                         const Waker&) -> Answer {
                return HttpReply{.body = body};
              }});
}

}  // namespace stapes::serve
