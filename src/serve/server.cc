#include "serve/server.h"

#include <fmt/format.h>

#include <atomic>
#include <ctime>
#include <optional>
#include <random>
#include <utility>

#include "base/rng.h"
#include "serve/cors.h"
#include "serve/error_replies.h"
#include "serve/http/http_server.h"
#include "serve/http/url_fetch.h"
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
  return facts;
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return same_name(type.substr(0, type.find_last_not_of(' ') + 1), "application/json");
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
  HttpReply options_reply(const HttpRequest& request, const std::string& allow) const;

  // The engine's thread and the workers wake connections, so the sockets go last.
  std::optional<HttpServer> http;
  const ServeOptions options;
  const Cors cors{options.cors_origins};
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
  const Router::Match match = router.find(request.method, request.path);
  if (request.method == "OPTIONS" && (!match.allow.empty() || request.path == "*"))
    return options_reply(request, match.allow);
  if (match.allow.empty())
    return error_reply(404, "there is nothing at this path; /openapi.json lists what there is",
                       "unknown_url");
  if (match.route == nullptr) {
    HttpReply reply = error_reply(405, "expected one of the methods " + match.allow);
    reply.headers.push_back({"allow", match.allow});
    return reply;
  }
  if (match.route->needs_key && !options.keys.allow(request.header("authorization"))) {
    HttpReply reply = error_reply(
        401, "expected the header 'Authorization: Bearer KEY' with a key of this server",
        "invalid_api_key");
    reply.headers.push_back({"www-authenticate", "Bearer"});
    return reply;
  }
  if (draining && !match.route->while_draining)
    return error_reply(503, "the server is about to end and takes no new requests", "draining");
  // A page of another host may send a form without asking, but no JSON.
  if (request.method == "POST" && !request.header("origin").empty() &&
      !is_json(request.header("content-type")))
    return error_reply(415, "expected the content-type application/json");
  return std::nullopt;
}

HttpReply Server::Impl::options_reply(const HttpRequest& request, const std::string& allow) const {
  HttpReply reply{.status = 204, .content_type = ""};
  reply.headers = cors.preflight_headers(request, allow);
  if (!allow.empty()) reply.headers.push_back({"allow", allow});
  return reply;
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
  std::vector<Header> headers = cors.headers(request);
  headers.push_back({"x-content-type-options", "nosniff"});
  return headers;
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

void Server::drain(std::function<void()> when_drained) {
  impl_->draining = true;
  impl_->http->drain(std::move(when_drained));
}

void Server::stop() {
  impl_->http->stop();
}

}  // namespace stapes::serve
