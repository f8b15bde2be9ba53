// An http or https URL, taken apart strictly: what it names will be connected to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stapes::net {

struct Url {
  bool https = false;
  std::string host;  // a name or an address; IPv6 without its brackets
  uint16_t port = 80;
  std::string target = "/";  // path and query

  // The Host header: with brackets, and with the port where it is not the scheme's own.
  std::string authority() const;
};

// Throws kUsage: another scheme, a user name or password, a bad port, characters that belong in no
// URL, more than 2,048 characters. A fragment is left out.
Url parse_url(std::string_view text);
// What a Location header means, seen from `base`. Throws as parse_url, and kUsage where it leads
// from https to http.
Url follow(const Url& base, std::string_view location);

}  // namespace stapes::net
