// Pages of other hosts: none may ask, but those of --cors.
#pragma once

#include <string>
#include <vector>

#include "serve/http/message.h"

namespace stapes::serve {

class Cors {
 public:
  // "https://host", or "*" for every page. Throws kUsage for anything else.
  explicit Cors(std::vector<std::string> origins);

  // For every reply to the request.
  std::vector<Header> headers(const HttpRequest& request) const;
  // For the reply to OPTIONS, where it asks before another request.
  std::vector<Header> preflight_headers(const HttpRequest& request,
                                        const std::string& methods) const;

 private:
  bool allows(const HttpRequest& request) const;
  std::vector<std::string> origins_;
};

}  // namespace stapes::serve
