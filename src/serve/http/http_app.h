// What stands behind the sockets: requests in, replies out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "serve/http/message.h"

namespace stapes::serve {

// What of a reply can be sent next.
struct ReplyPart {
  enum class Kind : uint8_t {
    kNothingYet,  // the waker will be called
    kWhole,       // `reply` is all of it
    kHead,        // `reply` without its body: pieces follow
    kPiece,       // `bytes` of the body
    kEnd,         // of the pieces
  };
  Kind kind = Kind::kNothingYet;
  HttpReply reply = {};
  std::string bytes = {};
};

// What a request's reported end says of the work behind it; zeros where there was none.
struct AnswerFacts {
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  double audio_seconds = 0;
  double first_token_ms = 0;  // from the request's last byte
  int failed_status = 0;      // what went wrong after the reply had begun
};

// A reply that takes its time. The connection owns it, and asks for a part only when the socket has
// taken all before: who reads slowly pauses it. When the client leaves, it is destroyed.
class ReplySource {
 public:
  virtual ~ReplySource() = default;
  // On one thread at a time; must return quickly. What it throws ends the request: with status 500
  // where nothing was sent, else by cutting the connection.
  virtual ReplyPart next() = 0;
  // Sent between two pieces when there was none for a long time; must mean nothing to the reader.
  virtual std::string sign_of_life() const { return {}; }
  virtual AnswerFacts facts() const { return {}; }
};

// Says that next() may have something. From any thread, as often as one likes, also when the
// connection has long gone.
using Waker = std::function<void()>;

// A reply that is ready, or one that takes its time.
using Answer = std::variant<HttpReply, std::shared_ptr<ReplySource>>;

// How a request ended, for log and metrics.
struct RequestEnd {
  std::string id;
  std::string peer;
  std::string method;  // empty where not even the first line was understood
  std::string path;
  int status = 0;  // 499: the client left before the end, or read too slowly
  int64_t body_bytes = 0;
  int64_t sent_bytes = 0;
  double total_ms = 0;  // from the first byte of the request to the last of the reply
  AnswerFacts answer = {};
};

// All functions are called from several threads at once, and must return quickly.
class HttpApp {
 public:
  virtual ~HttpApp() = default;
  // All headers are there, the body is not: a reply refuses the request, and the body is not read.
  virtual std::optional<HttpReply> refuse(const HttpRequest& request) = 0;
  // May throw: what failure() makes of it is sent.
  virtual Answer handle(HttpRequest request, Waker wake) = 0;
  // For what the connection itself finds wrong.
  virtual HttpReply failure(int status, const std::string& sentence) = 0;
  // Of the exception that is being handled.
  virtual HttpReply failure_of_current_exception() = 0;
  // For every reply to this request, whoever makes it. The request has no body yet.
  virtual std::vector<Header> headers_of_replies(const HttpRequest& request) = 0;
  virtual void ended(const RequestEnd& end) = 0;
};

}  // namespace stapes::serve
