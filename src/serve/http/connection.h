// One client: reads requests one after another, and writes the reply to each before it looks at the
// next.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http/http_app.h"
#include "serve/http/http_options.h"
#include "serve/http/reply_bytes.h"
#include "serve/http/request_reader.h"

namespace stapes::serve {

using HttpClock = std::chrono::steady_clock;

// What all connections of a server share. It outlives them.
struct HttpShared {
  HttpShared(const HttpOptions& http_options, HttpApp& http_app, std::function<void()> on_idle)
      : options(http_options),
        app(http_app),
        budget(options.max_request_bytes),
        when_idle(std::move(on_idle)) {}

  const HttpOptions& options;
  HttpApp& app;
  ByteBudget budget;
  const std::function<void()> when_idle;  // called when busy_connections has come down to 0
  std::atomic<bool> draining = false;
  std::atomic<int64_t> connections = 0;
  std::atomic<int64_t> busy_connections = 0;  // in the middle of a request or of a reply
  std::atomic<uint64_t> next_request = 0;
  const uint64_t process_number = std::random_device{}();  // request ids of two servers differ
};

// All work is done on the socket's strand; the public functions may be called from any thread.
//
// A later WebSocket takes its place in answer(): the request asks for an upgrade, the connection's
// phase becomes one of its own, and socket_ and input_ go to the session.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  Connection(Socket socket, HttpShared& shared);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void start();
  // There are too many connections: says so and closes.
  void start_refusing(HttpReply reply);
  // The source of the reply may have something.
  void wake();
  // To be called now and then: acts on what took too long.
  void look_at_the_clock(HttpClock::time_point now);
  void begin_drain();
  // At once, whatever it is doing.
  void stop();

 private:
  enum class Phase : uint8_t {
    kReceiving,  // a request, or nothing
    kReplying,
    kLingering,  // the last reply is written: reads on, so that no reset overtakes the reply
    kClosed,
  };
  // Of the request that is being received or answered.
  struct Current {
    RequestEnd end;
    HttpClock::time_point begun;
    int version = 11;
    bool head_only = false;  // HEAD
    bool keep_alive = true;
    bool unreported = false;
    std::vector<Header> headers_of_replies;
  };
  struct Outgoing {
    std::string bytes;
    size_t written = 0;
    bool ends_reply = false;
  };
  using Deadline = std::atomic<HttpClock::rep>;
  static constexpr HttpClock::rep kNever = HttpClock::duration::max().count();

  void post(void (Connection::*step)());

  // Reading (connection.cc).
  void read();
  void on_read(const boost::system::error_code& error, size_t bytes);
  void on_end_of_input();
  void advance();
  bool advance_once();
  void begin_request();
  void on_head();
  void answer();
  void refuse_unread(HttpReply reply);
  std::string own_request_id();
  void expect_input_within(std::chrono::milliseconds time);

  // Writing (connection_reply.cc).
  void reply_with(HttpReply reply);
  void pump();
  void send(ReplyPart part);
  void send_sign_of_life();
  void write(std::string bytes, bool ends_reply);
  void write_some();
  void on_written(const boost::system::error_code& error, size_t bytes);
  std::string framed(std::string_view bytes) const;
  std::string head_of(HttpReply& reply, BodyFraming framing);
  void end_reply();

  // Ends.
  void on_deadline();
  void on_drain();
  void drop_source();
  void report(int status);
  void client_left();
  void linger();
  void close();
  void reset();
  void set_busy(bool busy);

  Socket socket_;
  HttpShared& shared_;
  const HttpOptions& options_;
  std::string peer_;
  Phase phase_ = Phase::kReceiving;
  RequestReader reader_;
  std::string input_;  // read, and not yet understood
  std::string room_;   // of the read that is under way
  bool reading_ = false;
  bool busy_ = false;
  bool input_ended_ = false;
  Current current_;

  std::shared_ptr<ReplySource> source_;
  std::shared_ptr<Connection> self_;  // while there is a source: nothing else may be under way
  BodyFraming framing_ = BodyFraming::kLength;
  bool head_sent_ = false;
  bool writing_ = false;
  Outgoing outgoing_;
  Outgoing next_outgoing_;  // what came while `outgoing_` was under way

  Deadline input_deadline_ = kNever;
  Deadline write_deadline_ = kNever;
  Deadline sign_of_life_at_ = kNever;
  std::atomic<bool> wake_posted_ = false;
};

}  // namespace stapes::serve
