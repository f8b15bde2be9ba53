// Sounds that a request names by URL: fetched with limits, and never from this side of the wall.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace stapes::serve {

struct FetchLimits {
  int64_t max_bytes = 32 << 20;
  std::chrono::milliseconds time{10'000};  // for all of it: names, redirects, the body
  int max_redirects = 3;
  int at_once = 4;             // more are refused (kBusy)
  bool allow_private = false;  // hosts in private networks and on this machine
  std::string ca_file = {};    // trusted beside the system's certificates
};

// Thread-safe.
class UrlFetcher {
 public:
  explicit UrlFetcher(const FetchLimits& limits);
  ~UrlFetcher();

  // The bytes behind an http or https URL. The host's name is looked up once, the addresses are
  // checked, and one of these is connected to; redirects go through the same. Throws kUsage (as
  // parse_url; a host that is not found, not public or does not answer; another status than 200;
  // not in time), kTooLarge, kBusy.
  std::string fetch(const std::string& url);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
