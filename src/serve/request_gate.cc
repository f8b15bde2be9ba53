#include "serve/request_gate.h"

#include "serve/error_replies.h"

namespace stapes::serve {
namespace {

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return same_name(type.substr(0, type.find_last_not_of(' ') + 1), "application/json");
}

}  // namespace

std::optional<HttpReply> RequestGate::refuse(const HttpRequest& request, bool draining) const {
  const Router::Match match = router_.find(request.method, request.path);
  if (request.method == "OPTIONS" && (!match.allow.empty() || request.path == "*"))
    return options_reply(request, match.allow);
  if (match.allow.empty())
    return error_reply(404, "there is nothing at this path; /openapi.json lists what there is",
                       "unknown_url");
  if (match.route == nullptr) {
    HttpReply reply = error_reply(405, "expected one of the methods " + match.allow);
    reply.headers.push_back({"allow", match.allow});
    return reply;
  }
  if (match.route->needs_key && !keys_.allow(request.header("authorization"))) {
    HttpReply reply = error_reply(
        401, "expected the header 'Authorization: Bearer KEY' with a key of this server",
        "invalid_api_key");
    reply.headers.push_back({"www-authenticate", "Bearer"});
    return reply;
  }
  if (draining && !match.route->while_draining)
    return error_reply(503, "the server is about to end and takes no new requests", "draining");
  // A page of another host may send a form without asking, but no JSON.
  if (request.method == "POST" && !request.header("origin").empty() &&
      !is_json(request.header("content-type")))
    return error_reply(415, "expected the content-type application/json");
  return std::nullopt;
}

HttpReply RequestGate::options_reply(const HttpRequest& request, const std::string& allow) const {
  HttpReply reply{.status = 204, .content_type = ""};
  reply.headers = cors_.preflight_headers(request, allow);
  if (!allow.empty()) reply.headers.push_back({"allow", allow});
  return reply;
}

std::vector<Header> RequestGate::headers_of_replies(const HttpRequest& request) const {
  std::vector<Header> headers = cors_.headers(request);
  headers.push_back({"x-content-type-options", "nosniff"});
  return headers;
}

}  // namespace stapes::serve
