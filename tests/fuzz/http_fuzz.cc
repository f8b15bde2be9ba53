// libFuzzer: any bytes on a connection, in any pieces, are requests that are answered or refused.
// What is read does not depend on the pieces, and no reply's head says what a client made it say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/reply_bytes.h"
#include "serve/http/request_reader.h"
#include "serve/request_gate.h"

namespace {

using namespace stapes::serve;
using State = RequestReader::State;

constexpr ReadLimits kLimits{.header_bytes = 2000, .header_count = 20, .body_bytes = 500};

// The first and the later pieces of the input, by a number.
class Pieces {
 public:
  explicit Pieces(uint32_t number) : number_(number) {}
  size_t next() {
    number_ = number_ * 1664525 + 1013904223;
    return 1 + (number_ >> 16) % (number_ & 0x100 ? 7 : 100);
  }

 private:
  uint32_t number_;
};

Router routes() {
  Router router;
  for (const char* path : {"/v1/chat/completions", "/v1/completions", "/tokenize"})
    router.add({.method = "POST", .path = path});
  for (const char* path : {"/", "/v1/models", "/v1/models/*", "/metrics"})
    router.add({.method = "GET", .path = path});
  router.add({.method = "GET", .path = "/health", .needs_key = false, .while_draining = true});
  return router;
}

void check(bool condition) {
  if (!condition) std::abort();
}

// One status line, headers of one line each, and one empty line at the end.
void check_head(const std::string& head) {
  check(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
  check(head.find("\r\n\r\n") == head.size() - 4);
  for (size_t i = 0; i < head.size(); ++i) {
    check(head[i] != '\0');
    if (head[i] == '\n') check(i > 0 && head[i - 1] == '\r');
    if (head[i] == '\r') check(i + 1 < head.size() && head[i + 1] == '\n');
  }
}

struct Reading {
  std::vector<std::string> requests;
  bool bad = false;
};

class Connection {
 public:
  Reading read(std::string_view bytes, Pieces pieces, bool in_pieces) {
    std::string input;
    while (!bytes.empty() && !reading_.bad) {
      const size_t piece = in_pieces ? std::min(pieces.next(), bytes.size()) : bytes.size();
      input += bytes.substr(0, piece);
      bytes.remove_prefix(piece);
      for (;;) {
        const State before = reader_.state();
        const size_t used = reader_.feed(input);
        check(used <= input.size());
        input.erase(0, used);
        act();
        if (reading_.bad || (used == 0 && reader_.state() == before)) break;
      }
    }
    return reading_;
  }

 private:
  void act() {
    if (reader_.state() == State::kBad) {
      check(reader_.bad_status() >= 400 && reader_.bad_status() < 600);
      check(!reader_.bad_sentence().empty());
      reading_.bad = true;
    } else if (reader_.state() == State::kHeadRead) {
      for (const bool draining : {false, true}) {
        HttpReply reply = gate_.refuse(reader_.request(), draining).value_or(HttpReply());
        for (const Header& header : gate_.headers_of_replies(reader_.request()))
          reply.headers.push_back(header);
        check_head(reply_head(
            reply, BodyFraming::kLength,
            {.version = reader_.request().version, .keep_alive = reader_.request().keep_alive}));
      }
    } else if (reader_.state() == State::kComplete) {
      const HttpRequest request = reader_.take();
      check(request.body.size() <= kLimits.body_bytes);
      check(request.headers.size() <= kLimits.header_count);
      check(!request.path.empty());
      reading_.requests.push_back(request.method + "|" + request.path + "|" + request.query + "|" +
                                  request.body + (request.keep_alive ? "|keep" : "|close"));
    }
  }

  const Router router_ = routes();
  const ApiKeys keys_{{"key"}};
  const RequestGate gate_{router_, keys_, Cors({"https://a.example"})};
  RequestReader reader_{kLimits};
  Reading reading_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const uint32_t number = data[0] | data[1] << 8U | data[2] << 16U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const Reading whole = Connection().read(bytes, Pieces(number), /*in_pieces=*/false);
  const Reading pieces = Connection().read(bytes, Pieces(number), /*in_pieces=*/true);
  check(pieces.requests.size() >= whole.requests.size());
  for (size_t i = 0; i < whole.requests.size(); ++i) check(whole.requests[i] == pieces.requests[i]);
  if (!whole.bad) check(!pieces.bad && pieces.requests.size() == whole.requests.size());
  return 0;
}
