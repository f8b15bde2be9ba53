#include "serve/cors.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/fail.h"

namespace stapes::serve {
namespace {

bool is_origin(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view host = text.substr(scheme.size());
    return !host.empty() && host.find_first_of("/?#@ ") == std::string_view::npos;
  }
  return text == "*";
}

bool is_list_of_header_names(std::string_view text) {
  return text.size() <= 1000 && std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_' || c == ',' || c == ' ';
         });
}

}  // namespace

Cors::Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {
  for (const std::string& origin : origins_)
    if (!is_origin(origin))
      fail(ErrorCode::kUsage, "expected an origin such as https://example.org, or *, got '{}'",
           origin);
}

bool Cors::allows(const HttpRequest& request) const {
  const std::string_view origin = request.header("origin");
  return !origin.empty() && std::ranges::any_of(origins_, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

std::vector<Header> Cors::headers(const HttpRequest& request) const {
  if (origins_.empty()) return {};
  std::vector<Header> headers = {{"vary", "origin"}};
  if (allows(request)) {
    headers.push_back({"access-control-allow-origin", std::string(request.header("origin"))});
    headers.push_back({"access-control-expose-headers", "x-request-id, retry-after"});
  }
  return headers;
}

std::vector<Header> Cors::preflight_headers(const HttpRequest& request,
                                            const std::string& methods) const {
  if (!allows(request) || request.header("access-control-request-method").empty()) return {};
  std::vector<Header> headers = {{"access-control-allow-methods", methods},
                                 {"access-control-max-age", "600"}};
  // Clients send many of their own (x-stainless-os, ...); a key is asked for all the same.
  const std::string_view wanted = request.header("access-control-request-headers");
  if (!wanted.empty() && is_list_of_header_names(wanted))
    headers.push_back({"access-control-allow-headers", std::string(wanted)});
  return headers;
}

}  // namespace stapes::serve
