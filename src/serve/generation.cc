#include "serve/generation.h"

#include <utility>

#include "serve/error_replies.h"

namespace stapes::serve {
namespace {

// One write of a stream: what has gathered meanwhile goes together.
constexpr size_t kLargestPieceBytes = 16 << 10;

void append_event(std::string& events, const std::string& json) {
  events.append("data: ").append(json).append("\n\n");
}

int64_t sound_bytes(const std::vector<Request>& requests) {
  size_t samples = 0;
  for (const Request& request : requests)
    for (const AudioClip& clip : request.clips) samples += clip.samples.size();
  return static_cast<int64_t>(samples * sizeof(float));
}

double sound_seconds(const std::vector<Request>& requests) {
  double seconds = 0;
  for (const Request& request : requests)
    for (const AudioClip& clip : request.clips) seconds += clip.seconds();
  return seconds;
}

class WorkerReply final : public ReplySource {
 public:
  void set(HttpReply reply) {
    const std::scoped_lock lock(mutex_);
    reply_ = std::move(reply);
  }
  ReplyPart next() override {
    const std::scoped_lock lock(mutex_);
    if (!reply_) return {};
    return {.kind = ReplyPart::Kind::kWhole, .reply = std::move(*reply_)};
  }

 private:
  std::mutex mutex_;
  std::optional<HttpReply> reply_;
};

}  // namespace

Generation::Generation(const Engine& engine, HttpRequest request, Waker wake)
    : engine_(engine), wake_(std::move(wake)), request_(std::move(request)) {}

std::shared_ptr<Generation> Generation::begin(const Engine& engine, WorkPool& pool,
                                              HttpRequest request, Waker wake, BodyParser parser) {
  const std::shared_ptr<Generation> generation(
      new Generation(engine, std::move(request), std::move(wake)));
  pool.add([weak = std::weak_ptr(generation), parser = std::move(parser)] {
    if (const auto self = weak.lock()) self->prepare(parser);
  });
  return generation;
}

void Generation::prepare(const BodyParser& parser) {
  try {
    submit(parser(request_));
  } catch (...) {
    HttpReply refusal = error_reply_of_current_exception(request_.id);
    const std::scoped_lock lock(mutex_);
    refusal_ = std::move(refusal);
    stage_ = Stage::kRefused;
  }
  wake_();
}

void Generation::submit(ParsedBody parsed) {
  request_.body = std::string();
  request_.memory.resize(sound_bytes(parsed.requests));
  const double audio_seconds = sound_seconds(parsed.requests);
  std::vector<AnswerStream> answers;
  for (Request& request : parsed.requests)
    answers.push_back(engine_.submit(std::move(request), wake_));
  const std::scoped_lock lock(mutex_);
  facts_.audio_seconds = audio_seconds;
  stream_ = parsed.stream;
  writer_ = std::move(parsed.writer);
  answers_ = std::move(answers);
  stage_ = Stage::kSubmitted;
}

// A worker may be about to hand over when the client leaves.
AnswerFacts Generation::facts() const {
  const std::scoped_lock lock(mutex_);
  return facts_;
}

ReplyPart Generation::next() {
  {
    const std::scoped_lock lock(mutex_);
    if (stage_ == Stage::kPreparing) return {};
    if (stage_ == Stage::kRefused)
      return {.kind = ReplyPart::Kind::kWhole, .reply = std::move(refusal_)};
  }
  return stream_ ? next_of_stream() : next_of_whole();
}

ReplyPart Generation::next_of_whole() {
  try {
    if (!read_deltas(nullptr)) return {};
    return {.kind = ReplyPart::Kind::kWhole, .reply = {.body = writer_->whole(results())}};
  } catch (...) {
    return {.kind = ReplyPart::Kind::kWhole,
            .reply = error_reply_of_current_exception(request_.id)};
  }
}

ReplyPart Generation::next_of_stream() {
  if (!std::exchange(head_sent_, true))
    return {.kind = ReplyPart::Kind::kHead,
            .reply = {.content_type = "text/event-stream; charset=utf-8",
                      // A proxy must neither keep it nor gather it.
                      .headers = {{"cache-control", "no-store"}, {"x-accel-buffering", "no"}}}};
  if (last_sent_) return {.kind = ReplyPart::Kind::kEnd};
  std::string events;
  try {
    if (read_deltas(&events)) {
      for (const std::string& json : writer_->on_end(results())) append_event(events, json);
      events += "data: [DONE]\n\n";
      last_sent_ = true;
    }
  } catch (...) {
    const HttpReply failure = error_reply_of_current_exception(request_.id);
    facts_.failed_status = failure.status;
    append_event(events, failure.body);
    last_sent_ = true;
  }
  if (events.empty()) return {};
  return {.kind = ReplyPart::Kind::kPiece, .bytes = std::move(events)};
}

bool Generation::read_deltas(std::string* events) {
  bool all_read = true;
  for (size_t prompt = 0; prompt < answers_.size(); ++prompt) {
    const bool finished = answers_[prompt].finished();  // before the last delta is looked for
    for (;;) {
      if (events != nullptr && events->size() >= kLargestPieceBytes) return false;
      const std::optional<Delta> delta = answers_[prompt].try_next();
      if (!delta) break;
      if (facts_.first_token_ms == 0)
        facts_.first_token_ms =
            std::chrono::duration<double, std::milli>(Clock::now() - begun_).count();
      if (events == nullptr) continue;
      for (const std::string& json : writer_->on_delta(prompt, *delta)) append_event(*events, json);
    }
    all_read &= finished;
  }
  return all_read;
}

std::vector<std::vector<Result>> Generation::results() {
  std::vector<std::vector<Result>> results;
  for (AnswerStream& answer : answers_) {
    results.push_back(answer.results());
    facts_.prompt_tokens += results.back().front().usage.prompt_tokens;
    for (const Result& result : results.back())
      facts_.generated_tokens += result.usage.thinking_tokens + result.usage.answer_tokens;
  }
  return results;
}

std::shared_ptr<ReplySource> reply_from_worker(WorkPool& pool, std::string request_id, Waker wake,
                                               std::function<HttpReply()> make) {
  auto source = std::make_shared<WorkerReply>();
  pool.add([weak = std::weak_ptr(source), request_id = std::move(request_id),
            wake = std::move(wake), make = std::move(make)] {
    const std::shared_ptr<WorkerReply> reply = weak.lock();
    if (!reply) return;
    try {
      reply->set(make());
    } catch (...) {
      reply->set(error_reply_of_current_exception(request_id));
    }
    wake();
  });
  return source;
}

}  // namespace stapes::serve
