#include "serve/http/url_fetch.h"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/fail.h"
#include "net/url.h"
#include "serve/http/address_rules.h"

namespace stapes::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::Url;
using Tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Response = http::response<http::string_body>;

struct Task {
  const FetchLimits& limits;
  const Url& url;
  const std::vector<Tcp::endpoint>& endpoints;
  Clock::time_point deadline;
};

[[noreturn]] void fail_fetch(const Url& url, const error_code& error) {
  if (error == beast::error::timeout)
    fail(ErrorCode::kUsage, "the host {} of the URL did not deliver in time", url.host);
  fail(ErrorCode::kUsage, "cannot fetch the URL from {}: {}", url.host, error.message());
}

template <typename Stream>
asio::awaitable<Response> exchange(Stream& stream, const Task& task) {
  http::request<http::empty_body> request(http::verb::get, task.url.target, 11);
  request.set(http::field::host, task.url.authority());
  request.set(http::field::user_agent, "stapes");
  request.set(http::field::accept, "audio/*, */*;q=0.1");
  request.set(http::field::connection, "close");
  error_code error;
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_fetch(task.url, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.header_limit(16 << 10);
  parser.body_limit(static_cast<uint64_t>(task.limits.max_bytes));
  co_await http::async_read(stream, buffer, parser,
                            asio::redirect_error(asio::use_awaitable, error));
  if (error == http::error::body_limit)
    fail(ErrorCode::kTooLarge, "expected at most {} bytes behind the URL", task.limits.max_bytes);
  if (error) fail_fetch(task.url, error);
  co_return parser.release();
}

asio::awaitable<Response> get(asio::ssl::context* tls, const Task& task) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_at(task.deadline);
  error_code error;
  co_await stream.async_connect(task.endpoints, asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_fetch(task.url, error);
  if (tls == nullptr) co_return co_await exchange(stream, task);
  beast::ssl_stream<beast::tcp_stream> secure(std::move(stream), *tls);
  secure.set_verify_callback(asio::ssl::host_name_verification(task.url.host));
  SSL_set_tlsext_host_name(secure.native_handle(), task.url.host.c_str());
  co_await secure.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_fetch(task.url, error);
  co_return co_await exchange(secure, task);
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class CountGuard {
 public:
  explicit CountGuard(std::atomic<int>& count) : count_(count), before_(count_++) {}
  ~CountGuard() { --count_; }
  CountGuard(const CountGuard&) = delete;
  CountGuard& operator=(const CountGuard&) = delete;
  int before() const { return before_; }

 private:
  std::atomic<int>& count_;
  const int before_;
};

}  // namespace

struct UrlFetcher::Impl {
  explicit Impl(const FetchLimits& fetch_limits)
      : limits(fetch_limits),
        names_work(names.get_executor()),
        names_thread([this] { names.run(); }) {}
  ~Impl() {
    names.stop();
    names_thread.join();
  }

  std::vector<Tcp::endpoint> endpoints_of(const Url& url, Clock::time_point deadline);
  asio::ssl::context& tls_context();
  Response get_once(const Url& url, Clock::time_point deadline);

  const FetchLimits limits;
  std::atomic<int> under_way = 0;
  std::once_flag tls_once;
  std::optional<asio::ssl::context> tls;
  // Names are looked up beside the fetch: that cannot be broken off when the time is over.
  asio::io_context names{1};
  asio::executor_work_guard<asio::io_context::executor_type> names_work;
  std::thread names_thread;
};

std::vector<Tcp::endpoint> UrlFetcher::Impl::endpoints_of(const Url& url,
                                                          Clock::time_point deadline) {
  auto resolver = std::make_shared<Tcp::resolver>(names);
  auto found = std::make_shared<std::promise<std::vector<Tcp::endpoint>>>();
  auto result = found->get_future();
  resolver->async_resolve(url.host, std::to_string(url.port), Tcp::resolver::numeric_service,
                          [resolver, found](const error_code& error, const auto& entries) {
                            std::vector<Tcp::endpoint> endpoints;
                            if (!error)
                              for (const auto& entry : entries)
                                endpoints.push_back(entry.endpoint());
                            found->set_value(std::move(endpoints));
                          });
  if (result.wait_until(deadline) != std::future_status::ready)
    fail(ErrorCode::kUsage, "the host {} of the URL was not found in time", url.host);
  std::vector<Tcp::endpoint> endpoints = result.get();
  if (endpoints.empty()) fail(ErrorCode::kUsage, "the host {} of the URL was not found", url.host);
  if (!limits.allow_private)
    std::erase_if(endpoints, [](const Tcp::endpoint& endpoint) {
      return !is_public_address(endpoint.address());
    });
  if (endpoints.empty())
    fail(ErrorCode::kUsage, "the host {} of the URL is not on the public internet", url.host);
  return endpoints;
}

asio::ssl::context& UrlFetcher::Impl::tls_context() {
  std::call_once(tls_once, [this] {
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.set_default_verify_paths();
    if (!limits.ca_file.empty()) context.load_verify_file(limits.ca_file);
    context.set_verify_mode(asio::ssl::verify_peer);
    tls.emplace(std::move(context));
  });
  return *tls;
}

Response UrlFetcher::Impl::get_once(const Url& url, Clock::time_point deadline) {
  const std::vector<Tcp::endpoint> endpoints = endpoints_of(url, deadline);
  const Task task{limits, url, endpoints, deadline};
  asio::io_context io(1);
  auto response =
      asio::co_spawn(io, get(url.https ? &tls_context() : nullptr, task), asio::use_future);
  io.run();
  return response.get();
}

UrlFetcher::UrlFetcher(const FetchLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
UrlFetcher::~UrlFetcher() = default;

std::string UrlFetcher::fetch(const std::string& text) {
  const CountGuard guard(impl_->under_way);
  if (guard.before() >= impl_->limits.at_once)
    fail(ErrorCode::kBusy, "{} sounds are being fetched already, and no more may be",
         impl_->limits.at_once);
  const Clock::time_point deadline = Clock::now() + impl_->limits.time;
  Url url = net::parse_url(text);
  for (int redirects = 0;; ++redirects) {
    Response response = impl_->get_once(url, deadline);
    const unsigned status = response.result_int();
    if (status == 200) return std::move(response.body());
    if (!is_redirect(status) || response[http::field::location].empty())
      fail(ErrorCode::kUsage, "expected status 200 from {}, got {}", url.host, status);
    if (redirects == impl_->limits.max_redirects)
      fail(ErrorCode::kUsage, "the URL leads on more than {} times", impl_->limits.max_redirects);
    const auto location = response[http::field::location];
    url = net::follow(url, {location.data(), location.size()});
  }
}

}  // namespace stapes::serve
