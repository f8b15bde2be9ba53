// A reply as it stands on the wire.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "serve/http/message.h"

namespace stapes::serve {

enum class BodyFraming : uint8_t {
  kLength,   // all at once, behind a Content-Length
  kChunked,  // in chunks (HTTP/1.1)
  kClose,    // in pieces; the end of the connection is the end of the body (HTTP/1.0)
};

struct ReplyContext {
  std::string_view request_id = {};  // x-request-id
  int version = 11;                  // of the request
  bool keep_alive = true;
  std::time_t now = 0;  // the Date
};

// "OK", "Not Found", ...; empty for a number that has no name.
std::string_view reason_phrase(int status);

// From the status line to the empty line. Line breaks in a header's value become spaces: a value
// that came from a client can begin no header of its own. kLength: of body.size() bytes; 204 and
// 304 have none.
std::string reply_head(const HttpReply& reply, BodyFraming framing, const ReplyContext& context);

// One chunk of a chunked body; nothing for nothing, since an empty chunk is the end.
std::string chunk_of(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace stapes::serve
