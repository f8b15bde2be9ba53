#include "serve/http/reply_bytes.h"

#include <fmt/format.h>

#include <array>

namespace stapes::serve {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

constexpr auto kReasons = std::to_array<Reason>({
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
});

std::string http_date(std::time_t now) {
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  // The names of days and months are those of the C locale, which the programs do not leave.
  const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), size};
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  head += "\r\n";
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const Reason& reason : kReasons)
    if (reason.status == status) return reason.phrase;
  return "";
}

std::string reply_head(const HttpReply& reply, BodyFraming framing, const ReplyContext& context) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason_phrase(reply.status));
  head.reserve(512);
  append_header(head, "date", http_date(context.now));
  if (!reply.content_type.empty()) append_header(head, "content-type", reply.content_type);
  if (framing == BodyFraming::kChunked) {
    append_header(head, "transfer-encoding", "chunked");
  } else if (framing == BodyFraming::kLength && reply.status != 204 && reply.status != 304) {
    append_header(head, "content-length", fmt::format("{}", reply.body.size()));
  }
  if (!context.keep_alive || framing == BodyFraming::kClose) {
    append_header(head, "connection", "close");
  } else if (context.version < 11) {
    append_header(head, "connection", "keep-alive");
  }
  if (!context.request_id.empty()) append_header(head, "x-request-id", context.request_id);
  for (const Header& header : reply.headers) append_header(head, header.name, header.value);
  return head += "\r\n";
}

std::string chunk_of(std::string_view bytes) {
  if (bytes.empty()) return {};
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace stapes::serve
