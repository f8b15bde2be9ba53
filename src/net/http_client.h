// A small HTTP client for what the user names: a judge, a grader.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace stapes::net {

struct ClientLimits {
  // For all of an exchange: name, connection, request, reply. A name lookup that hangs is left
  // behind.
  std::chrono::milliseconds time{60'000};
  int64_t max_reply_bytes = 8 << 20;
  std::string ca_file = {};  // trusted beside the system's certificates
};

struct HttpReplyText {
  int status = 0;
  std::string body;
};

// Thread-safe; a connection for each exchange.
class HttpClient {
 public:
  explicit HttpClient(const ClientLimits& limits = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  struct Field {
    std::string name, value;
  };
  // POSTs `json` to an http or https URL, on any host; no redirects are followed. Throws kUsage (as
  // parse_url), kIo (host not found, no connection, not in time, no HTTP), kTooLarge (the reply);
  // any status is returned.
  HttpReplyText post_json(const std::string& url, const std::string& json,
                          const std::vector<Field>& fields = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::net
