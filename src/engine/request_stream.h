// What the model loop and one caller share: deltas on their way, the end, and the wish to cancel.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/failure.h"
#include "engine/generation.h"
#include "stapes/engine.h"

namespace stapes {

class LoopInbox;

struct StreamOptions {
  int64_t max_unread_deltas = 256;
  bool keep_deltas = true;             // false: only the end is of interest
  std::function<void()> on_news = {};  // as in Engine::submit
};

// The loop never waits here: it leaves out a request without room and is woken when there is some.
class RequestStream {
 public:
  RequestStream(uint64_t id, StreamOptions options, std::shared_ptr<LoopInbox> loop);

  uint64_t id() const { return id_; }

  // The loop's side.
  // What one step gives may go beyond the limit; then there is no room until it is read.
  void push(std::vector<Delta> deltas);
  bool has_room() const;
  bool cancel_requested() const;
  void finish(std::vector<Generation> samples);
  void fail(Failure failure);

  // The caller's side: AnswerStream says what these do.
  std::optional<Delta> next();
  std::optional<Delta> try_next();
  bool finished() const;
  // Waits for the end, but no longer than this; finished().
  bool wait_finished(std::chrono::milliseconds longest) const;
  void cancel();
  // Waits for the end; one for each sample. May be called once. Throws what failed.
  std::vector<Generation> take_generations();
  // The same, as often as wanted.
  std::vector<Result> results();

 private:
  void wait_for_end(std::unique_lock<std::mutex>& lock);
  std::optional<Delta> pop(std::unique_lock<std::mutex>& lock);
  void notify();

  const uint64_t id_;
  const StreamOptions options_;
  const std::shared_ptr<LoopInbox> loop_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<Delta> deltas_;
  bool keep_deltas_;
  bool cancel_requested_ = false;
  bool finished_ = false;
  std::vector<Generation> generations_;
  std::optional<Failure> failure_;
};

}  // namespace stapes
