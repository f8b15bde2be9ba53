// What /metrics says, in Prometheus' text format.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "serve/http/http_app.h"
#include "stapes/engine.h"

namespace stapes::serve {

// What is looked at when somebody asks.
struct MetricsNow {
  EngineCounters engine;
  int64_t connections = 0;
  int64_t request_bytes = 0;  // held by bodies and sounds
  bool draining = false;
  bool healthy = true;
};

// Thread-safe.
class Metrics {
 public:
  Metrics(const std::string& version, const std::string& model);
  ~Metrics();

  // endpoint: Router::label.
  void count(std::string_view endpoint, const RequestEnd& end);
  std::string text(const MetricsNow& now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
