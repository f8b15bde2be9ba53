#include "net/http_client.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "base/fail.h"
#include "net/url.h"

namespace stapes::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Request = http::request<http::string_body>;
using Endpoints = std::vector<Tcp::endpoint>;

struct Exchange {
  const ClientLimits& limits;
  const Url& url;
  const Request& request;
  const Endpoints& endpoints;
  Clock::time_point deadline;
};

[[noreturn]] void fail_exchange(const Exchange& exchange, const error_code& error) {
  if (error == beast::error::timeout)
    fail(ErrorCode::kIo, "{} did not answer within {:.1f} s", exchange.url.authority(),
         std::chrono::duration<double>(exchange.limits.time).count());
  fail(ErrorCode::kIo, "no answer from {}: {}", exchange.url.authority(), error.message());
}

template <typename Stream>
asio::awaitable<HttpReplyText> send_and_read(Stream& stream, const Exchange& exchange) {
  error_code error;
  co_await http::async_write(stream, exchange.request,
                             asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_exchange(exchange, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.header_limit(64 << 10);
  parser.body_limit(static_cast<uint64_t>(exchange.limits.max_reply_bytes));
  co_await http::async_read(stream, buffer, parser,
                            asio::redirect_error(asio::use_awaitable, error));
  if (error == http::error::body_limit)
    fail(ErrorCode::kTooLarge, "the reply of {} has more bytes than the limit of {}",
         exchange.url.authority(), exchange.limits.max_reply_bytes);
  if (error) fail_exchange(exchange, error);
  co_return HttpReplyText{static_cast<int>(parser.get().result_int()),
                          std::move(parser.get().body())};
}

asio::awaitable<HttpReplyText> run(asio::ssl::context* tls, Exchange exchange) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_at(exchange.deadline);
  error_code error;
  co_await stream.async_connect(exchange.endpoints,
                                asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_exchange(exchange, error);
  if (tls == nullptr) co_return co_await send_and_read(stream, exchange);
  beast::ssl_stream<beast::tcp_stream> secure(std::move(stream), *tls);
  secure.set_verify_callback(asio::ssl::host_name_verification(exchange.url.host));
  SSL_set_tlsext_host_name(secure.native_handle(), exchange.url.host.c_str());
  co_await secure.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) fail_exchange(exchange, error);
  co_return co_await send_and_read(secure, exchange);
}

// On a thread of its own that nobody waits for: a lookup cannot be broken off.
Endpoints resolve(const Url& url, Clock::time_point deadline) {
  auto found = std::make_shared<std::promise<Endpoints>>();
  std::future<Endpoints> result = found->get_future();
  std::thread([found, host = url.host, port = std::to_string(url.port)] {
    Endpoints endpoints;
    try {
      asio::io_context io(1);
      Tcp::resolver resolver(io);
      error_code error;
      for (const auto& entry : resolver.resolve(host, port, Tcp::resolver::numeric_service, error))
        endpoints.push_back(entry.endpoint());
    } catch (...) {  // no memory: as if not found
    }
    found->set_value(std::move(endpoints));
  }).detach();
  if (result.wait_until(deadline) != std::future_status::ready)
    fail(ErrorCode::kIo, "the host {} was not found in time", url.host);
  Endpoints endpoints = result.get();
  if (endpoints.empty()) fail(ErrorCode::kIo, "the host {} was not found", url.host);
  return endpoints;
}

}  // namespace

struct HttpClient::Impl {
  asio::ssl::context& tls_context() {
    std::call_once(tls_once, [this] {
      asio::ssl::context context(asio::ssl::context::tls_client);
      context.set_default_verify_paths();
      if (!limits.ca_file.empty()) context.load_verify_file(limits.ca_file);
      context.set_verify_mode(asio::ssl::verify_peer);
      tls.emplace(std::move(context));
    });
    return *tls;
  }

  ClientLimits limits;
  std::once_flag tls_once;
  std::optional<asio::ssl::context> tls;
};

HttpClient::HttpClient(const ClientLimits& limits) : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
}
HttpClient::~HttpClient() = default;

HttpReplyText HttpClient::post_json(const std::string& url_text, const std::string& json,
                                    const std::vector<Field>& fields) const {
  const Clock::time_point deadline = Clock::now() + impl_->limits.time;
  const Url url = parse_url(url_text);
  Request request(http::verb::post, url.target, 11);
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "stapes");
  request.set(http::field::content_type, "application/json");
  request.set(http::field::accept, "application/json");
  request.set(http::field::connection, "close");
  for (const Field& field : fields) request.set(field.name, field.value);
  request.body() = json;
  request.prepare_payload();
  const Endpoints endpoints = resolve(url, deadline);
  asio::io_context io(1);
  auto reply = asio::co_spawn(io,
                              run(url.https ? &impl_->tls_context() : nullptr,
                                  Exchange{impl_->limits, url, request, endpoints, deadline}),
                              asio::use_future);
  io.run();
  return reply.get();
}

}  // namespace stapes::net
