// Bytes in any pieces to one HTTP/1.x request: no socket, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "serve/http/message.h"

namespace stapes::serve {

struct ReadLimits {
  uint32_t header_bytes = 16 << 10;  // of the request line and all headers; more: 431
  size_t header_count = 100;         // more: 431
  uint64_t body_bytes = 32 << 20;    // more: 413
};

// feed() it until is_complete(); take(); begin again.
class RequestReader {
 public:
  enum class State : uint8_t {
    kNothing,   // no byte of a request has come yet (empty lines before it do not count)
    kHead,      // in the middle of the request line or the headers
    kHeadRead,  // all headers are there: the request may be refused before its body is read
    kBody,
    kComplete,
    kBad,  // cannot be understood, or over a limit; what follows cannot be read either
  };

  // `budget`, if any, must outlive the reader and its requests.
  explicit RequestReader(const ReadLimits& limits, ByteBudget* budget = nullptr);
  ~RequestReader();

  // Reads the front of `input`, up to the end of the headers or of the request at most, and returns
  // how many bytes that took. What was not taken has to come again, with more behind it. Call it
  // again in kHeadRead to go on with the body. Throws kBusy where the budget has nothing left.
  size_t feed(std::string_view input);
  State state() const { return state_; }

  // From kHeadRead on all but the body, from kComplete on all.
  const HttpRequest& request() const { return request_; }
  // The client waits for "100 Continue" before it sends the body.
  bool wants_continue() const { return wants_continue_; }
  uint64_t body_bytes_read() const;

  // kBad: 400, 413, 431, 501 or 505, and one sentence.
  int bad_status() const { return bad_status_; }
  const std::string& bad_sentence() const { return bad_sentence_; }

  // kComplete only. The reader then waits for the next request.
  HttpRequest take();
  // Gives up what was read of a request, and its memory.
  void drop();

 private:
  struct Parser;

  void read_head();
  // Where the headers contradict each other or ask for what is not done here.
  bool check_head();
  bool split_target(std::string_view target);
  void set_bad(int status, std::string sentence);

  const ReadLimits limits_;
  ByteBudget* const budget_;
  std::unique_ptr<Parser> parser_;
  State state_ = State::kNothing;
  HttpRequest request_;
  bool wants_continue_ = false;
  int bad_status_ = 0;
  std::string bad_sentence_;
};

}  // namespace stapes::serve
