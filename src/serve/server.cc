#include "serve/server.h"

#include <fmt/format.h>

#include <atomic>
#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include "base/rng.h"
#include "serve/error_replies.h"
#include "serve/http/http_server.h"
#include "serve/http/url_fetch.h"
#include "serve/request_gate.h"
#include "serve/request_log.h"
#include "serve/serve_context.h"

namespace stapes::serve {
namespace {

ModelFacts facts_of(const Engine& engine, const ServeOptions& options) {
  ModelFacts facts;
  facts.id = options.model_id;
  facts.sampling = engine.default_sampling();
  facts.context_tokens = engine.context_tokens();
  facts.audio_rule = engine.audio_rule();
  facts.reasoning_format = options.reasoning_format;
  facts.default_max_tokens = options.default_max_tokens;
  return facts;
}

}  // namespace

struct Server::Impl final : public HttpApp {
  Impl(Engine the_engine, const ServeOptions& serve_options);
  ~Impl() override { http->stop(); }

  std::optional<HttpReply> refuse(const HttpRequest& request) override;
  Answer handle(HttpRequest request, Waker wake) override;
  HttpReply failure(int status, const std::string& sentence) override;
  HttpReply failure_of_current_exception() override;
  std::vector<Header> headers_of_replies(const HttpRequest& request) override;
  void ended(const RequestEnd& end) override;

  MetricsNow metrics_now();

  // The engine's thread and the workers wake connections, so the sockets go last.
  std::optional<HttpServer> http;
  const ServeOptions options;
  Engine engine;
  const ModelFacts facts = facts_of(engine, options);
  Metrics metrics{options.version, options.model_id};
  LoopWatch watch{[this] { return engine.counters().turns; }, [this] { engine.nudge(); },
                  options.longest_turn};
  UrlFetcher fetcher{options.fetch};
  AudioPolicy audio = options.audio;
  WorkPool pool{options.workers, options.max_waiting_work};
  std::atomic<bool> draining = false;
  const uint64_t first_seed = std::random_device{}();
  std::atomic<uint64_t> seeds = 0;
  const ServeContext context{.engine = engine,
                             .options = options,
                             .audio = audio,
                             .facts = facts,
                             .pool = pool,
                             .metrics = metrics,
                             .watch = watch,
                             .draining = draining,
                             .started = std::time(nullptr),
                             .now = [this] { return metrics_now(); },
                             .new_seed = [this] { return mix64(first_seed + ++seeds); }};
  Router router;
  const RequestGate gate{router, options.keys, Cors(options.cors_origins)};
};

Server::Impl::Impl(Engine the_engine, const ServeOptions& serve_options)
    : options(serve_options), engine(std::move(the_engine)) {
  audio.fetch = [this](const std::string& url) { return fetcher.fetch(url); };
  add_chat(router, context);
  add_completions(router, context);
  add_models(router, context);
  add_tokenize(router, context);
  add_health(router, context);
  add_metrics(router, context);
  add_openapi(router, context);
  add_page(router);
  http.emplace(options.http, *this);
  http->start();
}

std::optional<HttpReply> Server::Impl::refuse(const HttpRequest& request) {
  return gate.refuse(request, draining);
}

Answer Server::Impl::handle(HttpRequest request, Waker wake) {
  const Router::Match match = router.find(request.method, request.path);
  return match.route->endpoint(std::move(request), std::move(wake));
}

HttpReply Server::Impl::failure(int status, const std::string& sentence) {
  return error_reply(status, sentence);
}

HttpReply Server::Impl::failure_of_current_exception() {
  return error_reply_of_current_exception();
}

std::vector<Header> Server::Impl::headers_of_replies(const HttpRequest& request) {
  return gate.headers_of_replies(request);
}

void Server::Impl::ended(const RequestEnd& end) {
  metrics.count(router.label(end.path), end);
  log_request(end);
}

MetricsNow Server::Impl::metrics_now() {
  return {.engine = engine.counters(),
          .connections = http->connections(),
          .request_bytes = http->request_bytes().used_bytes(),
          .draining = draining,
          .healthy = !watch.standstill()};
}

Server::Server(Engine engine, const ServeOptions& options)
    : impl_(std::make_unique<Impl>(std::move(engine), options)) {}

Server::~Server() = default;

uint16_t Server::port() const {
  return impl_->http->port();
}

std::string Server::url() const {
  const std::string& host = impl_->options.http.host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port());
}

const Engine& Server::engine() const {
  return impl_->engine;
}

bool Server::healthy() {
  return !impl_->watch.standstill();
}

void Server::drain(std::function<void()> when_drained) {
  impl_->draining = true;
  impl_->http->drain(std::move(when_drained));
}

void Server::stop() {
  impl_->http->stop();
}

}  // namespace stapes::serve
