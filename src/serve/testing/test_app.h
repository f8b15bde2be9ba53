// For tests: an application without a model, whose replies take as long as the test wants.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "serve/http/http_app.h"
#include "serve/http/http_server.h"

namespace stapes::serve::testing {

// What the test and a source share: parts are put in from the test's thread.
class PartQueue {
 public:
  void put(ReplyPart part) {
    Waker wake;
    {
      const std::scoped_lock lock(mutex_);
      parts_.push_back(std::move(part));
      wake = wake_;
    }
    if (wake) wake();
  }
  void put_piece(std::string bytes) {
    put({.kind = ReplyPart::Kind::kPiece, .bytes = std::move(bytes)});
  }

  ReplyPart take() {
    const std::scoped_lock lock(mutex_);
    if (parts_.empty()) return {};
    ReplyPart part = std::move(parts_.front());
    parts_.erase(parts_.begin());
    taken_bytes_ += part.bytes.size();
    return part;
  }
  size_t taken_bytes() const {
    const std::scoped_lock lock(mutex_);
    return taken_bytes_;
  }
  void set_waker(Waker wake) {
    const std::scoped_lock lock(mutex_);
    wake_ = std::move(wake);
    changed_.notify_all();
  }
  void set_gone() {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }
  bool wait_until_asked() {
    return wait([this] { return wake_ != nullptr; });
  }
  bool wait_until_gone() {
    return wait([this] { return gone_; });
  }

 private:
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), condition);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReplyPart> parts_;
  size_t taken_bytes_ = 0;
  Waker wake_;
  bool gone_ = false;
};

class QueueSource : public ReplySource {
 public:
  explicit QueueSource(std::shared_ptr<PartQueue> queue) : queue_(std::move(queue)) {}
  ~QueueSource() override { queue_->set_gone(); }
  ReplyPart next() override {
    ReplyPart part = queue_->take();
    if (part.bytes == "throw") throw std::runtime_error("secret words");
    return part;
  }
  std::string sign_of_life() const override { return ":\n\n"; }

 private:
  std::shared_ptr<PartQueue> queue_;
};

// /echo answers with the body; /throw fails; /forbidden is refused before its body; anything else
// is answered from the queue of its path.
class TestApp : public HttpApp {
 public:
  std::shared_ptr<PartQueue> queue(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    auto& queue = queues_[path];
    if (!queue) queue = std::make_shared<PartQueue>();
    return queue;
  }
  // The ends reported so far, once there are `count`.
  std::vector<RequestEnd> ends(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return ends_.size() >= count; });
    return ends_;
  }

  std::optional<HttpReply> refuse(const HttpRequest& request) override {
    if (request.path == "/forbidden") return failure(403, "not you");
    return std::nullopt;
  }
  Answer handle(HttpRequest request, Waker wake) override {
    if (request.path == "/throw") throw std::runtime_error("secret words");
    if (request.path == "/echo") return HttpReply{.content_type = "", .body = request.body};
    const auto parts = queue(request.path);
    auto source = std::make_shared<QueueSource>(parts);
    parts->set_waker(std::move(wake));
    return source;
  }
  HttpReply failure(int status, const std::string& sentence) override {
    return {.status = status, .content_type = "text/plain", .body = sentence};
  }
  HttpReply failure_of_current_exception() override {
    try {
      throw;
    } catch (const Error& error) {
      return failure(http_status(error.code()), error.what());
    } catch (...) {
      return failure(500, "a fault of ours");
    }
  }
  std::vector<Header> headers_of_replies(const HttpRequest& request) override {
    return {{"x-method", request.method}};
  }
  void ended(const RequestEnd& end) override {
    const std::scoped_lock lock(mutex_);
    ends_.push_back(end);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<PartQueue>> queues_;
  std::vector<RequestEnd> ends_;
};

inline HttpOptions any_port() {
  HttpOptions options;
  options.port = 0;
  return options;
}

class StartedServer : public HttpServer {
 public:
  StartedServer(const HttpOptions& options, HttpApp& app) : HttpServer(options, app) { start(); }
};

}  // namespace stapes::serve::testing
