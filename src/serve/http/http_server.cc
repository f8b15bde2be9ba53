#include "serve/http/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <mutex>
#include <thread>
#include <utility>

#include "base/fail.h"
#include "base/log.h"
#include "serve/http/connection.h"

namespace stapes::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

// Connections beyond the limit that are told so; still more are closed without a word.
constexpr int64_t kRefusedAtOnce = 64;
// After an error of accept() that will not go away at once, as when no file descriptor is left.
constexpr std::chrono::milliseconds kPauseOfAccepting{100};

std::chrono::milliseconds tick_time(const HttpOptions& options) {
  const auto smallest =
      std::min({options.head_time, options.body_time, options.idle_time, options.write_time,
                options.linger_time, options.drain_head_time, options.sign_of_life_time});
  return std::clamp(smallest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

std::vector<Tcp::endpoint> endpoints_of(asio::io_context& io, const HttpOptions& options) {
  Tcp::resolver resolver(io);
  error_code error;
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), Tcp::resolver::passive, error);
  if (error)
    fail(ErrorCode::kUsage, "expected a host to listen on, got '{}': {}", options.host,
         error.message());
  std::vector<Tcp::endpoint> endpoints;
  for (const auto& entry : found)
    if (std::ranges::find(endpoints, entry.endpoint()) == endpoints.end())
      endpoints.push_back(entry.endpoint());
  return endpoints;
}

}  // namespace

struct HttpServer::Impl {
  Impl(const HttpOptions& http_options, HttpApp& http_app)
      : options(http_options),
        shared(options, http_app, [this] { tell_if_drained(); }),
        io(options.io_threads),
        strand(asio::make_strand(io)),
        ticker(strand) {}

  void listen();
  void accept(Tcp::acceptor& acceptor);
  void on_accept(Tcp::acceptor& acceptor, const error_code& error, Tcp::socket socket);
  void add(Tcp::socket socket);
  void tick();
  void run();
  void tell_if_drained();
  std::vector<std::shared_ptr<Connection>> living_connections();

  const HttpOptions options;
  HttpShared shared;
  asio::io_context io;
  const asio::strand<asio::io_context::executor_type> strand;  // of acceptors and ticker
  std::vector<Tcp::acceptor> acceptors;
  asio::steady_timer ticker;
  bool accept_fails = false;  // said once, not for every try
  std::vector<std::thread> threads;

  std::mutex mutex;  // of what follows
  std::vector<std::weak_ptr<Connection>> connections;
  bool stopping = false;
  std::function<void()> when_drained;
};

// All addresses of the host; the port that the first one gets is everybody's.
void HttpServer::Impl::listen() {
  uint16_t port = options.port;
  for (Tcp::endpoint endpoint : endpoints_of(io, options)) {
    endpoint.port(port);
    Tcp::acceptor acceptor(strand);
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error && endpoint.protocol() == Tcp::v6())
      acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      // A machine without IPv6 still resolves localhost to ::1.
      if (!acceptors.empty() || endpoint.protocol() == Tcp::v6()) continue;
      fail(ErrorCode::kIo, "cannot listen on {} port {}: {}", options.host, port, error.message());
    }
    port = acceptor.local_endpoint().port();
    acceptors.push_back(std::move(acceptor));
  }
  if (acceptors.empty())
    fail(ErrorCode::kIo, "cannot listen on {} port {}", options.host, options.port);
}

void HttpServer::Impl::accept(Tcp::acceptor& acceptor) {
  acceptor.async_accept(asio::make_strand(io),
                        [this, &acceptor](const error_code& error, Tcp::socket socket) {
                          on_accept(acceptor, error, std::move(socket));
                        });
}

void HttpServer::Impl::on_accept(Tcp::acceptor& acceptor, const error_code& error,
                                 Tcp::socket socket) {
  if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
  if (!error) {
    accept_fails = false;
    add(std::move(socket));
    return accept(acceptor);
  }
  if (!std::exchange(accept_fails, true))
    spdlog::warn("cannot accept connections at the moment: {}", error.message());
  auto pause = std::make_shared<asio::steady_timer>(strand, kPauseOfAccepting);
  pause->async_wait([this, &acceptor, pause](const error_code&) {
    if (acceptor.is_open()) accept(acceptor);
  });
}

void HttpServer::Impl::add(Tcp::socket socket) {
  const std::scoped_lock lock(mutex);
  const int64_t count = shared.connections;
  if (stopping || count >= options.max_connections + kRefusedAtOnce) return;
  auto connection = std::make_shared<Connection>(std::move(socket), shared);
  connections.push_back(connection);
  if (count < options.max_connections) return connection->start();
  HttpReply reply = shared.app.failure(
      503, fmt::format("{} clients are connected, and no more may be", options.max_connections));
  connection->start_refusing(std::move(reply));
}

std::vector<std::shared_ptr<Connection>> HttpServer::Impl::living_connections() {
  std::vector<std::shared_ptr<Connection>> living;
  const std::scoped_lock lock(mutex);
  std::erase_if(connections, [&](const std::weak_ptr<Connection>& weak) {
    std::shared_ptr<Connection> connection = weak.lock();
    if (!connection) return true;
    living.push_back(std::move(connection));
    return false;
  });
  return living;
}

void HttpServer::Impl::tick() {
  {
    // A tick that was due when stop() cancelled the ticker would set it again.
    const std::scoped_lock lock(mutex);
    if (stopping) return;
  }
  const HttpClock::time_point now = HttpClock::now();
  for (const auto& connection : living_connections()) connection->look_at_the_clock(now);
  ticker.expires_after(tick_time(options));
  ticker.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

void HttpServer::Impl::run() {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      spdlog::error("a connection ended by a fault of ours: {}", error.what());
    }
  }
}

void HttpServer::Impl::tell_if_drained() {
  if (!shared.draining || shared.busy_connections > 0) return;
  std::function<void()> tell;
  {
    const std::scoped_lock lock(mutex);
    tell = std::exchange(when_drained, {});
  }
  if (tell) tell();
}

HttpServer::HttpServer(const HttpOptions& options, HttpApp& app)
    : impl_(std::make_unique<Impl>(options, app)) {
  impl_->listen();
}

void HttpServer::start() {
  for (Tcp::acceptor& acceptor : impl_->acceptors) impl_->accept(acceptor);
  impl_->tick();
  for (int i = 0; i < impl_->options.io_threads; ++i)
    impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
}

HttpServer::~HttpServer() {
  stop();
}

uint16_t HttpServer::port() const {
  return impl_->acceptors.front().local_endpoint().port();
}

void HttpServer::drain(std::function<void()> when_idle) {
  {
    const std::scoped_lock lock(impl_->mutex);
    impl_->when_drained = std::move(when_idle);
  }
  impl_->shared.draining = true;
  for (const auto& connection : impl_->living_connections()) connection->begin_drain();
  impl_->tell_if_drained();
}

void HttpServer::stop() {
  {
    const std::scoped_lock lock(impl_->mutex);
    if (std::exchange(impl_->stopping, true)) return;
  }
  asio::post(impl_->strand, [impl = impl_.get()] {
    error_code ignored;
    for (Tcp::acceptor& acceptor : impl->acceptors) acceptor.close(ignored);
    impl->ticker.cancel();
  });
  for (const auto& connection : impl_->living_connections()) connection->stop();
  for (std::thread& thread : impl_->threads) thread.join();
}

int64_t HttpServer::connections() const {
  return impl_->shared.connections;
}

ByteBudget& HttpServer::request_bytes() {
  return impl_->shared.budget;
}

}  // namespace stapes::serve
