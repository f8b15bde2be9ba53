#include "engine/request_stream.h"

#include <utility>

#include "base/check.h"
#include "engine/loop_inbox.h"

namespace stapes {

RequestStream::RequestStream(uint64_t id, StreamOptions options, std::shared_ptr<LoopInbox> loop)
    : id_(id),
      options_(std::move(options)),
      loop_(std::move(loop)),
      keep_deltas_(options_.keep_deltas) {}

void RequestStream::push(std::vector<Delta> deltas) {
  if (deltas.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (!keep_deltas_) return;
    std::ranges::move(deltas, std::back_inserter(deltas_));
  }
  notify();
}

bool RequestStream::has_room() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<int64_t>(deltas_.size()) < options_.max_unread_deltas;
}

bool RequestStream::cancel_requested() const {
  const std::scoped_lock lock(mutex_);
  return cancel_requested_;
}

void RequestStream::finish(std::vector<Generation> samples) {
  {
    const std::scoped_lock lock(mutex_);
    generations_ = std::move(samples);
    finished_ = true;
  }
  notify();
}

void RequestStream::fail(Failure failure) {
  {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(failure);
    finished_ = true;
  }
  notify();
}

void RequestStream::notify() {
  changed_.notify_all();
  if (!options_.on_news) return;
  try {
    options_.on_news();
  } catch (...) {
    // Whoever cannot be told is not waiting any more; the loop must not suffer from it.
    cancel();
  }
}

std::optional<Delta> RequestStream::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !deltas_.empty() || finished_; });
  return pop(lock);
}

std::optional<Delta> RequestStream::try_next() {
  std::unique_lock lock(mutex_);
  return pop(lock);
}

std::optional<Delta> RequestStream::pop(std::unique_lock<std::mutex>& lock) {
  if (deltas_.empty()) {
    if (failure_) failure_->raise();
    return std::nullopt;
  }
  const bool was_full = static_cast<int64_t>(deltas_.size()) >= options_.max_unread_deltas;
  Delta delta = std::move(deltas_.front());
  deltas_.pop_front();
  const bool has_room = static_cast<int64_t>(deltas_.size()) < options_.max_unread_deltas;
  lock.unlock();
  if (was_full && has_room) loop_->wake();
  return delta;
}

bool RequestStream::finished() const {
  const std::scoped_lock lock(mutex_);
  return finished_;
}

bool RequestStream::wait_finished(std::chrono::milliseconds longest) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, longest, [this] { return finished_; });
}

void RequestStream::cancel() {
  {
    const std::scoped_lock lock(mutex_);
    if (finished_ || cancel_requested_) return;
    cancel_requested_ = true;
  }
  loop_->wake();
}

void RequestStream::wait_for_end(std::unique_lock<std::mutex>& lock) {
  keep_deltas_ = false;
  deltas_.clear();
  lock.unlock();
  loop_->wake();  // the request may have been waiting for room
  lock.lock();
  changed_.wait(lock, [this] { return finished_; });
  if (failure_) failure_->raise();
}

std::vector<Generation> RequestStream::take_generations() {
  std::unique_lock lock(mutex_);
  wait_for_end(lock);
  STAPES_CHECK(!generations_.empty(), "the generations were taken before");
  return std::exchange(generations_, {});
}

std::vector<Result> RequestStream::results() {
  std::unique_lock lock(mutex_);
  wait_for_end(lock);
  std::vector<Result> results;
  for (const Generation& generation : generations_) results.push_back(generation.result);
  return results;
}

AnswerStream::AnswerStream(std::shared_ptr<RequestStream> stream) : stream_(std::move(stream)) {}
AnswerStream::AnswerStream(AnswerStream&&) noexcept = default;

AnswerStream& AnswerStream::operator=(AnswerStream&& other) noexcept {
  std::swap(stream_, other.stream_);
  return *this;
}

AnswerStream::~AnswerStream() {
  if (stream_) stream_->cancel();
}

uint64_t AnswerStream::id() const {
  return stream_->id();
}

std::optional<Delta> AnswerStream::next() {
  return stream_->next();
}

std::optional<Delta> AnswerStream::try_next() {
  return stream_->try_next();
}

bool AnswerStream::finished() const {
  return stream_->finished();
}

Result AnswerStream::result() {
  return std::move(stream_->results().front());
}

std::vector<Result> AnswerStream::results() {
  return stream_->results();
}

void AnswerStream::cancel() {
  stream_->cancel();
}

}  // namespace stapes
