// For tests: a client that sends any bytes at any time over a real socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http/message.h"

namespace stapes::serve::testing {

struct RawReply {
  int status = 0;
  std::vector<Header> headers;
  std::string body;   // chunks joined
  bool whole = true;  // false: the connection ended before the body did
  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

class RawClient {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  // receive_buffer_bytes: of the kernel; 0: as it likes.
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), read_(std::move(other.read_)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() { close(); }

  // False once the server takes no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  // Whatever comes next; nothing at the end of the connection, and after `patience`.
  std::string read_some(std::chrono::milliseconds patience = kPatience) {
    if (!read_.empty()) return std::exchange(read_, {});
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return {};
    std::string bytes(64 << 10, '\0');
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }
  // All to the end of the connection.
  std::string read_to_end() {
    std::string all;
    for (std::string bytes = read_some(); !bytes.empty(); bytes = read_some()) all += bytes;
    return all;
  }
  // The server has closed, and everything is read.
  bool has_ended(std::chrono::milliseconds patience = kPatience) {
    if (!read_.empty()) return false;
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return false;
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK) <= 0;
  }
  // Up to and with `text`; all there is if it does not come.
  std::string read_until(std::string_view text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string bytes = read_some();
      if (bytes.empty()) return all;
      all += bytes;
    }
    const size_t end = all.find(text) + text.size();
    read_ = all.substr(end) + read_;
    all.resize(end);
    return all;
  }

  // Nothing if the connection ends before there are headers.
  std::optional<RawReply> read_reply(bool head_only = false) {
    const std::string head = read_until("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 ") || !head.ends_with("\r\n\r\n")) return std::nullopt;
    RawReply reply;
    reply.status = std::stoi(head.substr(9, 3));
    for (size_t line = head.find("\r\n") + 2; line < head.size() - 2;
         line = head.find("\r\n", line) + 2) {
      const size_t colon = head.find(": ", line);
      const size_t end = head.find("\r\n", line);
      reply.headers.push_back(
          {head.substr(line, colon - line), head.substr(colon + 2, end - colon - 2)});
    }
    if (head_only || reply.status == 204 || reply.status == 304 || reply.status == 100)
      return reply;
    if (reply.header("transfer-encoding") == "chunked") {
      read_chunks(reply);
    } else if (const std::string length(reply.header("content-length")); !length.empty()) {
      reply.body = read_exactly(std::stoul(length));
      reply.whole = reply.body.size() == std::stoul(length);
    } else {
      reply.body = read_to_end();
    }
    return reply;
  }
  // A request, and its reply.
  std::optional<RawReply> ask(std::string_view method, std::string_view target,
                              std::string_view body = "", std::string_view more_headers = "") {
    std::string request(method);
    request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    request.append(more_headers);
    if (!body.empty())
      request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    request.append("\r\n").append(body);
    send(request);
    return read_reply(method == "HEAD");
  }

 private:
  std::string read_exactly(size_t size) {
    std::string all;
    while (all.size() < size) {
      const std::string bytes = read_some();
      if (bytes.empty()) return all;
      all += bytes;
    }
    read_ = all.substr(size);
    all.resize(size);
    return all;
  }
  void read_chunks(RawReply& reply) {
    reply.whole = false;
    for (;;) {
      const std::string line = read_until("\r\n");
      if (!line.ends_with("\r\n")) return;
      const size_t size = std::stoul(line, nullptr, 16);
      const std::string chunk = read_exactly(size + 2);
      if (!chunk.ends_with("\r\n")) return;
      if (size == 0) break;
      reply.body.append(chunk, 0, size);
    }
    reply.whole = true;
  }

  int fd_ = -1;
  std::string read_;  // and not yet given out
};

}  // namespace stapes::serve::testing
