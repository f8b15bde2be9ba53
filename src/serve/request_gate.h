// Which requests are refused by what stands in their headers, before any of the body is read.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/api_keys.h"
#include "serve/cors.h"
#include "serve/http/message.h"
#include "serve/router.h"

namespace stapes::serve {

// Unknown paths and methods, missing keys, forms of other hosts' pages, and everything but a few
// routes while the server drains. OPTIONS is answered here, too. Holds the router and the keys by
// reference.
class RequestGate {
 public:
  RequestGate(const Router& router, const ApiKeys& keys, Cors cors)
      : router_(router), keys_(keys), cors_(std::move(cors)) {}

  // What is not refused has a route.
  std::optional<HttpReply> refuse(const HttpRequest& request, bool draining) const;
  std::vector<Header> headers_of_replies(const HttpRequest& request) const;

 private:
  HttpReply options_reply(const HttpRequest& request, const std::string& allow) const;

  const Router& router_;
  const ApiKeys& keys_;
  const Cors cors_;
};

}  // namespace stapes::serve
