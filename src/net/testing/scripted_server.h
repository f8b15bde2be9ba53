// For tests: a real server on this machine whose every reply is written by the test, byte by byte.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace stapes::net::testing {

// What one connection gets. `bytes` are sent as they are; then it is closed, or kept open and
// silent.
struct ScriptedReply {
  std::string bytes;
  bool hang = false;
};

inline ScriptedReply http_reply(const std::string& body, int status = 200) {
  return {"HTTP/1.1 " + std::to_string(status) +
          " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\nConnection: close\r\n\r\n" + body};
}

// One thread, one connection at a time; a hanging one does not stop the next.
class ScriptedServer {
 public:
  // `answer` gets the head and body of each request.
  using Answer = std::function<ScriptedReply(const std::string& head, const std::string& body)>;

  explicit ScriptedServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopped_ = true;
    thread_.join();
    for (const int fd : hanging_) ::close(fd);
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int requests() const { return requests_; }
  std::string last_head() const {
    const std::scoped_lock lock(mutex_);
    return last_head_;
  }
  std::string last_body() const {
    const std::scoped_lock lock(mutex_);
    return last_body_;
  }

 private:
  void serve() {
    while (!stopped_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd >= 0) serve_one(fd);
    }
  }

  void serve_one(int fd) {
    std::string text;
    size_t head_end = std::string::npos, body_bytes = 0;
    while (head_end == std::string::npos || text.size() < head_end + 4 + body_bytes) {
      pollfd waiting{fd, POLLIN, 0};
      char block[4096];
      const ssize_t count = ::poll(&waiting, 1, 5000) > 0 ? ::recv(fd, block, sizeof block, 0) : 0;
      if (count <= 0) break;
      text.append(block, static_cast<size_t>(count));
      if (head_end != std::string::npos) continue;
      head_end = text.find("\r\n\r\n");
      if (head_end != std::string::npos) body_bytes = content_length(text.substr(0, head_end));
    }
    if (head_end == std::string::npos) {
      ::close(fd);
      return;
    }
    const std::string head = text.substr(0, head_end), body = text.substr(head_end + 4);
    {
      const std::scoped_lock lock(mutex_);
      last_head_ = head;
      last_body_ = body;
    }
    ++requests_;
    const ScriptedReply reply = answer_(head, body);
    std::string_view rest = reply.bytes;
    while (!rest.empty()) {
      const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      rest.remove_prefix(static_cast<size_t>(sent));
    }
    if (reply.hang)
      hanging_.push_back(fd);
    else
      ::close(fd);
  }

  static size_t content_length(std::string head) {
    for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const size_t place = head.find("content-length:");
    return place == std::string::npos ? 0 : std::strtoul(head.c_str() + place + 15, nullptr, 10);
  }

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> requests_ = 0;
  mutable std::mutex mutex_;
  std::string last_head_, last_body_;
  std::vector<int> hanging_;
  std::thread thread_;
};

}  // namespace stapes::net::testing
