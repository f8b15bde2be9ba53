// Listens, accepts, and keeps the connections: HTTP/1.1 on a few threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "serve/http/http_app.h"
#include "serve/http/http_options.h"

namespace stapes::serve {

class HttpServer {
 public:
  // Listens. `app` must outlive the server. Throws kUsage (a host that is no address of this
  // machine), kIo (the port is taken, not permitted, ...).
  HttpServer(const HttpOptions& options, HttpApp& app);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // stop()

  // Begins to accept and to answer. Once.
  void start();
  uint16_t port() const;
  // Takes new connections on, for requests to be refused; every reply ends its connection.
  // `when_idle` is called, on any thread, once nothing is being received or answered any more.
  void drain(std::function<void()> when_idle);
  // Ends all connections at once and waits for the threads. No part of `app` is called afterwards.
  void stop();

  int64_t connections() const;
  // Bodies and sounds of the requests that are being answered.
  ByteBudget& request_bytes();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
