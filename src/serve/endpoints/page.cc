// GET / and the page's files: from the program itself, without a key.
#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <utility>

#include "serve/assets.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".wav", "audio/wav"},
    {".webmanifest", "application/manifest+json"},
});

std::string_view type_of(std::string_view path) {
  for (const auto& [end, type] : kTypes)
    if (path.ends_with(end)) return type;
  return "application/octet-stream";
}

// Vite puts a hash of the content into the names below assets/: what has such a name never changes.
std::string_view caching_of(std::string_view path) {
  return path.starts_with("assets/") ? "public, max-age=31536000, immutable" : "no-cache";
}

std::string tag_of(std::string_view bytes) {
  return fmt::format("\"{:016x}\"", XXH3_64bits(bytes.data(), bytes.size()));
}

HttpReply reply(const Asset& asset, const std::string& tag, const HttpRequest& request) {
  HttpReply reply{
      .content_type = std::string(type_of(asset.path)),
      .headers = {{"etag", tag},
                  {"cache-control", std::string(caching_of(asset.path))},
                  {"content-security-policy", std::string(page_security_policy())},
                  {"referrer-policy", "no-referrer"},
                  {"permissions-policy", "microphone=(self), camera=(), geolocation=()"},
                  {"cross-origin-opener-policy", "same-origin"},
                  {"cross-origin-resource-policy", "same-origin"}}};
  const std::string_view known = request.header("if-none-match");
  if (known == "*" || known.find(tag) != std::string_view::npos) {
    reply.status = 304;
    reply.content_type.clear();
  } else {
    reply.body = asset.bytes;
  }
  return reply;
}

}  // namespace

void add_page(Router& router) {
  for (const Asset& asset : page_assets()) {
    Route route{.method = "GET",
                .path = "/" + std::string(asset.path),
                .label = "page",
                .needs_key = false,
                .endpoint = [&asset, tag = tag_of(asset.bytes)](const HttpRequest& request,
                                                                const Waker&) -> Answer {
                  return reply(asset, tag, request);
                }};
    router.add(route);
    if (asset.path != "index.html") continue;
    route.path = "/";
    router.add(std::move(route));
  }
}

}  // namespace stapes::serve
