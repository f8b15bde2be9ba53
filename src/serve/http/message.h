// A request and a reply of HTTP, without anything of how they travel.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/byte_budget.h"

namespace stapes::serve {

struct Header {
  std::string name;
  std::string value;
};

inline bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The value of the first header of this name, in any case; empty if there is none.
inline std::string_view find_header(const std::vector<Header>& headers, std::string_view name) {
  const auto found = std::ranges::find_if(
      headers, [&](const Header& header) { return same_name(header.name, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

struct HttpRequest {
  std::string method;  // as it came: "GET", "POST", or whatever else
  std::string path;    // "/v1/models": without host, query and fragment; nothing is decoded
  std::string query;
  int version = 11;  // 10 or 11
  bool keep_alive = true;
  std::vector<Header> headers;  // in order, names as they came
  std::string body;
  std::string id;    // of x-request-id, or made by the server: letters, digits and ._:- only
  std::string peer;  // address and port of the client
  ByteShare memory;  // what the body holds of the server's budget

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";  // empty: none is sent
  std::vector<Header> headers = {};  // content-length and such are added when it is sent
  std::string body = {};
  bool close = false;  // the connection ends with this reply
};

}  // namespace stapes::serve
