#include "serve/http/request_reader.h"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <cctype>
#include <optional>
#include <utility>

#include "base/check.h"

namespace stapes::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// Longer than any header that is needed inside of a chunked body.
constexpr size_t kFewestChunkedBytes = 5;  // "0\r\n\r\n": no chunked body ends with fewer
constexpr size_t kMostChunkHeaderBytes = 1 << 10;

// A body that takes memory as its bytes come, and not as much as Content-Length claims.
struct GrowingBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>&, beast::error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, beast::error_code& error) {
      error = {};
      size_t bytes = 0;
      for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
           ++it) {
        const asio::const_buffer buffer(*it);
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        bytes += buffer.size();
      }
      return bytes;
    }
    void finish(beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

// Does the rest of a chunked body begin with the whole header of a chunk (but the last, which ends
// with its trailer)?
bool has_chunk_header(std::string_view rest) {
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);  // the end of the chunk before
  const std::string_view line = rest.substr(0, rest.find("\r\n"));
  const size_t digit = line.find_first_not_of('0');
  return line.size() < rest.size() && digit < line.size() &&
         std::isxdigit(static_cast<unsigned char>(line[digit])) != 0;
}

std::string text_of(beast::string_view view) {
  return {view.data(), view.size()};
}

}  // namespace

struct RequestReader::Parser {
  std::optional<http::request_parser<GrowingBody>> parser;

  void begin(const ReadLimits& limits) {
    parser.emplace();
    parser->header_limit(limits.header_bytes);
    parser->body_limit(limits.body_bytes);
  }
};

RequestReader::RequestReader(const ReadLimits& limits, ByteBudget* budget)
    : limits_(limits), budget_(budget), parser_(std::make_unique<Parser>()) {
  parser_->begin(limits_);
}

RequestReader::~RequestReader() = default;

uint64_t RequestReader::body_bytes_read() const {
  return parser_->parser->get().body().size();
}

size_t RequestReader::feed(std::string_view input) {
  STAPES_CHECK(state_ != State::kComplete && state_ != State::kBad, "nothing more can be read");
  size_t used = 0;
  // Robust servers ignore empty lines before a request (RFC 9112, 2.2).
  if (state_ == State::kNothing) {
    while (used < input.size() && (input[used] == '\r' || input[used] == '\n')) ++used;
    if (used == input.size()) return used;
    state_ = State::kHead;
  }
  auto& parser = *parser_->parser;
  while (used < input.size() && !parser.is_done()) {
    const bool head_was_read = parser.is_header_done();
    // Beast counts on the last chunk and the end of its trailer coming in one piece.
    if (head_was_read && parser.chunked() && input.size() - used < kFewestChunkedBytes) break;
    beast::error_code error;
    const size_t taken = parser.put(asio::buffer(input.data() + used, input.size() - used), error);
    used += taken;
    if (error == http::error::need_more) {
      if (head_was_read && taken == 0 && input.size() - used > kMostChunkHeaderBytes)
        set_bad(400, "the header or the trailer of a chunk is too long");
      // Beast waits for the quotation mark that ends an extension beyond the end of its line, and
      // counts the chunk against the limit of the body each time that more bytes come.
      else if (head_was_read && taken == 0 && has_chunk_header(input.substr(used)))
        set_bad(400, "this is no HTTP request: bad chunk extension");
      break;
    }
    if (error == http::error::header_limit) {
      set_bad(431, fmt::format("expected at most {} bytes of headers", limits_.header_bytes));
      return used;
    }
    if (error == http::error::body_limit) {
      set_bad(413, fmt::format("expected a body of at most {} bytes", limits_.body_bytes));
      return used;
    }
    if (error == http::error::bad_version) {
      set_bad(505, "expected HTTP/1.0 or HTTP/1.1");
      return used;
    }
    if (error) {
      set_bad(400, fmt::format("this is no HTTP request: {}", error.message()));
      return used;
    }
    if (!head_was_read && parser.is_header_done()) {
      read_head();
      return used;
    }
    request_.memory.resize(static_cast<int64_t>(body_bytes_read()));
  }
  if (state_ == State::kBad) return used;
  if (parser.is_done()) {
    request_.body = std::move(parser.get().body());
    state_ = State::kComplete;
  } else if (parser.is_header_done()) {
    state_ = State::kBody;
  }
  return used;
}

void RequestReader::read_head() {
  const auto& message = parser_->parser->get();
  request_ = {};
  if (budget_ != nullptr) request_.memory = ByteShare(*budget_);
  request_.method = text_of(message.method_string());
  request_.version = static_cast<int>(message.version());
  request_.keep_alive = parser_->parser->keep_alive();
  for (const auto& field : message)
    request_.headers.push_back({text_of(field.name_string()), text_of(field.value())});
  if (!check_head() || !split_target(text_of(message.target()))) return;
  wants_continue_ = request_.version >= 11 && same_name(request_.header("expect"), "100-continue");
  state_ = State::kHeadRead;
}

bool RequestReader::check_head() {
  if (request_.headers.size() > limits_.header_count) {
    set_bad(431, fmt::format("expected at most {} headers, got {}", limits_.header_count,
                             request_.headers.size()));
    return false;
  }
  const auto count = [this](std::string_view name) {
    return std::ranges::count_if(request_.headers,
                                 [&](const Header& h) { return same_name(h.name, name); });
  };
  if (count("host") > 1 || (count("host") == 0 && request_.version >= 11)) {
    set_bad(400, fmt::format("expected one Host header, got {}", count("host")));
    return false;
  }
  // Whoever stands before this server might read anything else in another way, and take the end of
  // one request for the beginning of the next.
  if (count("transfer-encoding") > 0 &&
      (count("transfer-encoding") > 1 || request_.version < 11 ||
       !same_name(request_.header("transfer-encoding"), "chunked"))) {
    set_bad(501, "expected no Transfer-Encoding, or chunked in HTTP/1.1");
    return false;
  }
  const std::string_view content = request_.header("content-encoding");
  if (!content.empty() && !same_name(content, "identity")) {
    set_bad(415, "expected a body without Content-Encoding");
    return false;
  }
  return true;
}

// "/path?query", "http://host/path?query", or "*".
bool RequestReader::split_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !same_name(target.substr(0, scheme.size()), scheme))
      continue;
    target.remove_prefix(scheme.size());
    const size_t path = target.find_first_of("/?#");
    target = path == std::string_view::npos ? "/" : target.substr(path);
    break;
  }
  target = target.substr(0, target.find('#'));
  const size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request_.query = target.substr(mark + 1);
  if (request_.path.empty()) request_.path = "/";
  if (request_.path.front() == '/' || request_.path == "*") return true;
  set_bad(400, "expected a path that begins with /");
  return false;
}

void RequestReader::set_bad(int status, std::string sentence) {
  state_ = State::kBad;
  bad_status_ = status;
  bad_sentence_ = std::move(sentence);
}

HttpRequest RequestReader::take() {
  STAPES_CHECK(state_ == State::kComplete, "the request is not complete");
  HttpRequest request = std::exchange(request_, {});
  drop();
  return request;
}

void RequestReader::drop() {
  request_ = {};
  parser_->begin(limits_);
  state_ = State::kNothing;
  wants_continue_ = false;
  bad_status_ = 0;
  bad_sentence_.clear();
}

}  // namespace stapes::serve
