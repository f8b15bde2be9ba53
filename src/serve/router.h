// Which endpoint answers to a method and a path.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/http_app.h"

namespace stapes::serve {

struct Route {
  std::string method;      // "GET" (which answers HEAD, too) or "POST"
  std::string path;        // "/v1/models"; "/v1/models/*" for everything that begins so
  std::string label = {};  // in the metrics; empty: the path
  bool needs_key = true;
  bool while_draining = false;  // else refused then
  std::function<Answer(HttpRequest request, Waker wake)> endpoint = {};
};

class Router {
 public:
  void add(Route route);

  struct Match {
    const Route* route = nullptr;
    // Where the path is known: the methods that it takes, "GET, HEAD, OPTIONS".
    std::string allow;
  };
  // A path beats a prefix, and a longer prefix a shorter one.
  Match find(std::string_view method, std::string_view path) const;
  // Of any request, known path or not: one of few words.
  std::string_view label(std::string_view path) const;

 private:
  std::vector<const Route*> routes_of(std::string_view path) const;
  std::vector<Route> routes_;
};

}  // namespace stapes::serve
