#include "net/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/fail.h"

namespace stapes::net {
namespace {

constexpr size_t kLongestUrl = 2048;

void check_characters(std::string_view text) {
  if (text.size() > kLongestUrl)
    fail(ErrorCode::kUsage, "expected a URL of at most {} characters, got {}", kLongestUrl,
         text.size());
  const auto odd = [](unsigned char c) {
    return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' ||
           c == '`' || c == '{' || c == '|' || c == '}';
  };
  if (std::ranges::any_of(text, odd))
    fail(ErrorCode::kUsage, "expected a URL of plain characters, others written as %XX");
}

uint16_t parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    fail(ErrorCode::kUsage, "expected a port from 1 to 65535 in the URL, got '{}'", text);
  return port;
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool takes_prefix(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size() || !same_letters(text.substr(0, prefix.size()), prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string Url::authority() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  std::string text = is_v6 ? "[" + host + "]" : host;
  if (port != (https ? 443 : 80)) text += fmt::format(":{}", port);
  return text;
}

Url parse_url(std::string_view text) {
  check_characters(text);
  Url url;
  if (takes_prefix(text, "https://")) {
    url.https = true;
    url.port = 443;
  } else if (!takes_prefix(text, "http://")) {
    fail(ErrorCode::kUsage, "expected a URL that begins with http:// or https://");
  }
  text = text.substr(0, text.find('#'));
  const size_t path = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path);
  if (path < text.size()) url.target = text.substr(path);
  if (url.target.front() == '?') url.target = "/" + url.target;

  if (authority.find('@') != std::string_view::npos)
    fail(ErrorCode::kUsage, "expected a URL without user name and password");
  size_t host_end = 0;
  if (authority.starts_with('[')) {
    host_end = authority.find(']');
    if (host_end == std::string_view::npos)
      fail(ErrorCode::kUsage, "expected ] after the address in the URL");
    url.host = authority.substr(1, host_end - 1);
    ++host_end;
  } else {
    host_end = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, host_end);
  }
  if (url.host.empty()) fail(ErrorCode::kUsage, "expected a host in the URL");
  if (host_end < authority.size()) {
    if (authority[host_end] != ':')
      fail(ErrorCode::kUsage, "expected a port or nothing after the address in the URL");
    url.port = parse_port(authority.substr(host_end + 1));
  }
  return url;
}

Url follow(const Url& base, std::string_view location) {
  Url next = base;
  if (location.find("://") != std::string_view::npos) {
    next = parse_url(location);
  } else if (location.starts_with("//")) {
    next = parse_url((base.https ? "https:" : "http:") + std::string(location));
  } else {
    check_characters(location);
    location = location.substr(0, location.find('#'));
    const std::string path = base.target.substr(0, base.target.find('?'));
    next.target = location.starts_with('/') ? std::string(location)
                  : location.starts_with('?')
                      ? path + std::string(location)
                      : path.substr(0, path.rfind('/') + 1) + std::string(location);
  }
  if (base.https && !next.https)
    fail(ErrorCode::kUsage, "the URL leads from https to http, which is not followed");
  return next;
}

}  // namespace stapes::net
