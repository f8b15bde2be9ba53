#include "serve/router.h"

#include <algorithm>
#include <utility>

namespace stapes::serve {
namespace {

// How well a route's path fits: 0 not at all.
size_t fit(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with('*')) return pattern == path ? pattern.size() + 1 : 0;
  pattern.remove_suffix(1);
  return path.size() > pattern.size() && path.starts_with(pattern) ? pattern.size() : 0;
}

}  // namespace

void Router::add(Route route) {
  if (route.label.empty()) route.label = route.path;
  routes_.push_back(std::move(route));
}

std::vector<const Route*> Router::routes_of(std::string_view path) const {
  size_t best = 1;
  for (const Route& route : routes_) best = std::max(best, fit(route.path, path));
  std::vector<const Route*> found;
  for (const Route& route : routes_)
    if (fit(route.path, path) == best) found.push_back(&route);
  return found;
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match match;
  const std::vector<const Route*> routes = routes_of(path);
  for (const Route* route : routes) {
    match.allow += route->method + (route->method == "GET" ? ", HEAD, " : ", ");
    if (route->method == method || (route->method == "GET" && method == "HEAD"))
      match.route = route;
  }
  if (!routes.empty()) match.allow += "OPTIONS";
  return match;
}

std::string_view Router::label(std::string_view path) const {
  const std::vector<const Route*> routes = routes_of(path);
  return routes.empty() ? "other" : std::string_view(routes.front()->label);
}

}  // namespace stapes::serve
