// What the endpoints share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "serve/loop_watch.h"
#include "serve/metrics.h"
#include "serve/openai/server_facts.h"
#include "serve/router.h"
#include "serve/serve_options.h"
#include "serve/work_pool.h"
#include "stapes/engine.h"

namespace stapes::serve {

struct ServeContext {
  const Engine& engine;
  const ServeOptions& options;
  const AudioPolicy& audio;
  const ModelFacts& facts;
  WorkPool& pool;
  Metrics& metrics;
  LoopWatch& watch;
  const std::atomic<bool>& draining;
  int64_t started = 0;  // seconds since 1970
  std::function<MetricsNow()> now;
  std::function<uint64_t()> new_seed;
};

// One file each in endpoints/. The context must outlive the routes.
void add_chat(Router& router, const ServeContext& context);
void add_completions(Router& router, const ServeContext& context);
void add_models(Router& router, const ServeContext& context);
void add_tokenize(Router& router, const ServeContext& context);
void add_health(Router& router, const ServeContext& context);
void add_metrics(Router& router, const ServeContext& context);
void add_openapi(Router& router, const ServeContext& context);
void add_page(Router& router);

}  // namespace stapes::serve
