#include "serve/http/connection.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cctype>
#include <utility>

#ifdef __linux__
#include <netinet/tcp.h>
#endif

namespace stapes::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr size_t kHeadRoomBytes = 8 << 10;
constexpr size_t kBodyRoomBytes = 64 << 10;
constexpr size_t kLongestRequestId = 64;

// A client that has lost its power sends no end: the kernel asks after it.
void ask_after_silent_client(Connection::Socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
#ifdef __linux__
  const auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 30);
  set(TCP_KEEPINTVL, 10);
  set(TCP_KEEPCNT, 3);
#endif
}

bool usable_as_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestRequestId &&
         std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '_' || c == ':' || c == '-';
         });
}

std::string name_of(const Connection::Socket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const std::string address = endpoint.address().to_string();
  const bool brackets = endpoint.address().is_v6();
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address, brackets ? "]" : "",
                     endpoint.port());
}

}  // namespace

Connection::Connection(Socket socket, HttpShared& shared)
    : socket_(std::move(socket)),
      shared_(shared),
      options_(shared.options),
      peer_(name_of(socket_)),
      reader_(options_.read, &shared.budget) {
  ++shared_.connections;
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (options_.send_buffer_bytes > 0)
    socket_.set_option(asio::socket_base::send_buffer_size(options_.send_buffer_bytes), ignored);
  ask_after_silent_client(socket_);
}

Connection::~Connection() {
  set_busy(false);
  --shared_.connections;
}

void Connection::post(void (Connection::*step)()) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), step] { ((*self).*step)(); });
}

void Connection::start() {
  // Who connects has something to ask; later it may keep the connection for a while.
  expect_input_within(options_.head_time);
  post(&Connection::read);
}

void Connection::start_refusing(HttpReply reply) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), reply = std::move(reply)] {
    self->begin_request();
    self->refuse_unread(reply);
    self->read();
  });
}

// Also while a reply is written: so the end of a client is seen at once. Requests that it sends in
// advance wait in `input_`, and beyond some size in TCP.
void Connection::read() {
  if (reading_ || input_ended_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kReplying &&
      static_cast<int64_t>(input_.size()) >= options_.max_unread_bytes)
    return;
  const size_t room =
      reader_.state() == RequestReader::State::kBody ? kBodyRoomBytes : kHeadRoomBytes;
  if (room_.size() > room) room_ = std::string();
  room_.resize(room);
  reading_ = true;
  socket_.async_read_some(asio::buffer(room_),
                          [self = shared_from_this()](const error_code& error, size_t bytes) {
                            self->on_read(error, bytes);
                          });
}

void Connection::on_read(const error_code& error, size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::kClosed || error == asio::error::operation_aborted) return;
  if (error == asio::error::eof) {
    on_end_of_input();
  } else if (error) {
    client_left();
  } else if (phase_ == Phase::kLingering) {
    read();
  } else {
    input_.append(room_, 0, bytes);
    if (phase_ == Phase::kReceiving) advance();
    read();
  }
}

// A client may close its sending side and still read. Whoever does that while an answer is being
// made cannot be told from one who has gone, and is taken for that, as other servers do.
void Connection::on_end_of_input() {
  input_ended_ = true;
  current_.keep_alive = false;
  switch (phase_) {
    case Phase::kReceiving:
      if (reader_.state() == RequestReader::State::kNothing) return close();
      return refuse_unread(shared_.app.failure(
          400, reader_.state() == RequestReader::State::kHead
                   ? "the request ended in the middle of its headers"
                   : fmt::format("the request ended in the middle of its body, after {} bytes",
                                 reader_.body_bytes_read())));
    case Phase::kReplying:
      if (!source_) return;  // the reply is ready, and on its way
      if (head_sent_) return client_left();
      drop_source();
      return reply_with(shared_.app.failure(
          499, "the client closed its side of the connection before the answer was there"));
    case Phase::kLingering:
      return close();
    case Phase::kClosed:
      return;
  }
}

void Connection::advance() {
  while (phase_ == Phase::kReceiving && advance_once()) {
  }
}

// False: more input is needed, or nothing more can be read.
bool Connection::advance_once() {
  using State = RequestReader::State;
  const State before = reader_.state();
  try {
    input_.erase(0, reader_.feed(input_));
  } catch (...) {
    refuse_unread(shared_.app.failure_of_current_exception());
    return false;
  }
  if (before == State::kNothing && reader_.state() != State::kNothing) begin_request();
  switch (reader_.state()) {
    case State::kNothing:
    case State::kHead:
    case State::kBody:
      return false;
    case State::kHeadRead:
      on_head();
      return true;
    case State::kComplete:
      answer();
      return true;
    case State::kBad:
      current_.end.method = reader_.request().method;
      current_.end.path = reader_.request().path;
      refuse_unread(shared_.app.failure(reader_.bad_status(), reader_.bad_sentence()));
      return false;
  }
  return false;
}

void Connection::begin_request() {
  set_busy(true);
  current_ = {};
  current_.begun = HttpClock::now();
  current_.unreported = true;
  current_.end.id = own_request_id();
  current_.end.peer = peer_;
  expect_input_within(shared_.draining ? options_.drain_head_time : options_.head_time);
}

void Connection::on_head() {
  const HttpRequest& request = reader_.request();
  current_.version = request.version;
  current_.keep_alive = request.keep_alive && !input_ended_;
  current_.head_only = request.method == "HEAD";
  current_.end.method = request.method;
  current_.end.path = request.path;
  if (usable_as_id(request.header("x-request-id")))
    current_.end.id = request.header("x-request-id");
  current_.headers_of_replies = shared_.app.headers_of_replies(request);
  if (std::optional<HttpReply> refusal = shared_.app.refuse(request)) {
    reader_.feed({});
    if (reader_.state() != RequestReader::State::kComplete) return refuse_unread(*refusal);
    reader_.take();
    phase_ = Phase::kReplying;
    return reply_with(std::move(*refusal));
  }
  expect_input_within(options_.body_time);
  if (reader_.wants_continue() && input_.empty())
    write("HTTP/1.1 100 Continue\r\n\r\n", /*ends_reply=*/false);
}

void Connection::answer() {
  HttpRequest request = reader_.take();
  request.id = current_.end.id;
  request.peer = peer_;
  current_.end.body_bytes = static_cast<int64_t>(request.body.size());
  phase_ = Phase::kReplying;
  input_deadline_ = kNever;
  HttpReply reply;
  try {
    Answer answer = shared_.app.handle(std::move(request), [weak = weak_from_this()] {
      if (const std::shared_ptr<Connection> self = weak.lock()) self->wake();
    });
    if (auto* source = std::get_if<std::shared_ptr<ReplySource>>(&answer)) {
      source_ = std::move(*source);
      self_ = shared_from_this();
      return pump();
    }
    reply = std::move(std::get<HttpReply>(answer));
  } catch (...) {
    reply = shared_.app.failure_of_current_exception();
  }
  reply_with(std::move(reply));
}

// The rest of the request is not read, so nothing can follow it.
void Connection::refuse_unread(HttpReply reply) {
  input_.clear();
  reader_.drop();
  reply.close = true;
  phase_ = Phase::kReplying;
  reply_with(std::move(reply));
}

std::string Connection::own_request_id() {
  return fmt::format("req-{:08x}-{:x}", shared_.process_number & 0xffffffffU,
                     shared_.next_request++);
}

void Connection::expect_input_within(std::chrono::milliseconds time) {
  input_deadline_ = (HttpClock::now() + time).time_since_epoch().count();
}

}  // namespace stapes::serve
