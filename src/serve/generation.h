// Replies that the engine writes: parsed on a worker, submitted, and pulled by the connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "serve/http/http_app.h"
#include "serve/work_pool.h"
#include "stapes/engine.h"

namespace stapes::serve {

// Deltas and results as JSON texts: a ChatReplyWriter or a CompletionReplyWriter.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  // prompt: of ParsedBody::requests.
  virtual std::vector<std::string> on_delta(size_t prompt, const Delta& delta) = 0;
  // results[prompt][sample]
  virtual std::vector<std::string> on_end(const std::vector<std::vector<Result>>& results) = 0;
  virtual std::string whole(const std::vector<std::vector<Result>>& results) = 0;
};

struct ParsedBody {
  std::vector<Request> requests;  // one for each prompt
  bool stream = false;
  std::unique_ptr<AnswerWriter> writer;
};
// Called on a worker; may throw.
using BodyParser = std::function<ParsedBody(const HttpRequest& request)>;

// What is not read by the client is not asked of the engine, which then pauses the request. With
// the object ends what it has submitted.
class Generation final : public ReplySource, public std::enable_shared_from_this<Generation> {
 public:
  // Throws kBusy. Engine and pool must outlive the object.
  static std::shared_ptr<Generation> begin(const Engine& engine, WorkPool& pool,
                                           HttpRequest request, Waker wake, BodyParser parser);

  ReplyPart next() override;
  // An empty line and not a comment: the release's client takes every line that has anything for
  // data.
  std::string sign_of_life() const override { return "\n"; }
  AnswerFacts facts() const override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage : uint8_t { kPreparing, kRefused, kSubmitted };

  Generation(const Engine& engine, HttpRequest request, Waker wake);

  // On a worker.
  void prepare(const BodyParser& parser);
  void submit(ParsedBody parsed);

  // On the connection's strand.
  ReplyPart next_of_whole();
  ReplyPart next_of_stream();
  // Appends events for what there is, up to some size. True: all prompts are finished and read.
  bool read_deltas(std::string* events);
  std::vector<std::vector<Result>> results();

  const Engine& engine_;
  const Waker wake_;
  const Clock::time_point begun_ = Clock::now();
  HttpRequest request_;  // its memory share is held to the end

  mutable std::mutex mutex_;  // of what the worker hands over
  Stage stage_ = Stage::kPreparing;
  HttpReply refusal_;

  bool stream_ = false;
  std::unique_ptr<AnswerWriter> writer_;
  std::vector<AnswerStream> answers_;
  bool head_sent_ = false;
  bool last_sent_ = false;
  AnswerFacts facts_;
};

// A reply that is made on a worker, all at once. Throws kBusy.
std::shared_ptr<ReplySource> reply_from_worker(WorkPool& pool, std::string request_id, Waker wake,
                                               std::function<HttpReply()> make);

}  // namespace stapes::serve
