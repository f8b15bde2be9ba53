// The HTTP server of one model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "serve/serve_options.h"
#include "stapes/engine.h"

namespace stapes::serve {

class Server {
 public:
  // Listens and serves. Throws as HttpServer, and kUsage for a CORS origin that is none.
  Server(Engine engine, const ServeOptions& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // stop()

  uint16_t port() const;
  // "http://127.0.0.1:9999"
  std::string url() const;
  const Engine& engine() const;
  // As /health says it: the model loop turns. Thread-safe; to be asked now and then.
  bool healthy();

  // New requests get 503 from now on. `when_drained` is called, on any thread, when those that had
  // begun have ended.
  void drain(std::function<void()> when_drained);
  // Ends all at once.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
