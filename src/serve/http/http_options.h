// Limits and times of the HTTP side; tests make them small.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "serve/http/request_reader.h"

namespace stapes::serve {

struct HttpOptions {
  std::string host = "127.0.0.1";  // a name or an address; all addresses of a name are listened on
  uint16_t port = 9999;            // 0: any that is free
  int io_threads = 2;

  ReadLimits read;
  int64_t max_connections = 1024;                // more are told so (503) and closed
  int64_t max_request_bytes = int64_t{1} << 30;  // bodies and sounds of all requests together; 429
  int64_t max_unread_bytes = 64 << 10;  // of later requests on a connection; the rest waits in TCP

  using Milliseconds = std::chrono::milliseconds;
  // From a request's first byte to the end of its headers; 408. Also for the first byte of a new
  // connection; closed without a word.
  Milliseconds head_time{10'000};
  Milliseconds body_time{120'000};  // from there to the end of its body; 408
  Milliseconds idle_time{75'000};   // of a connection after a reply; closed without a word
  // In which the client must take what the socket could not take at once (a few kB). Slower: cut.
  Milliseconds write_time{30'000};
  Milliseconds linger_time{2'000};         // for the client to close after the last reply
  Milliseconds drain_head_time{5'000};     // when draining, for requests that have begun to come
  Milliseconds sign_of_life_time{15'000};  // a stream that has nothing to say says so this often
  int send_buffer_bytes = 128 << 10;       // of the kernel, for each connection; 0: as it likes
};

}  // namespace stapes::serve
