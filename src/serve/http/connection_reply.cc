// The half of Connection that writes, and that ends things.
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <ctime>
#include <utility>

#include "serve/http/connection.h"

namespace stapes::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// The client has HttpOptions::write_time for each of these.
constexpr size_t kWriteBytes = 16 << 10;

double milliseconds_since(HttpClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(HttpClock::now() - begin).count();
}

}  // namespace

void Connection::wake() {
  if (wake_posted_.exchange(true)) return;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->wake_posted_ = false;
    self->pump();
  });
}

void Connection::reply_with(HttpReply reply) {
  input_deadline_ = kNever;
  if (reply.close) current_.keep_alive = false;
  std::string bytes = head_of(reply, BodyFraming::kLength);
  if (!current_.head_only) bytes += reply.body;
  write(std::move(bytes), /*ends_reply=*/true);
}

// One part at a time: the next is asked for when the socket has taken this one.
void Connection::pump() {
  if (phase_ != Phase::kReplying || !source_ || writing_) return;
  ReplyPart part;
  try {
    part = source_->next();
  } catch (...) {
    HttpReply reply = shared_.app.failure_of_current_exception();
    drop_source();
    if (!head_sent_) return reply_with(std::move(reply));
    report(reply.status);
    return reset();
  }
  send(std::move(part));
}

void Connection::send(ReplyPart part) {
  switch (part.kind) {
    case ReplyPart::Kind::kNothingYet:
      if (head_sent_)
        sign_of_life_at_ =
            (HttpClock::now() + options_.sign_of_life_time).time_since_epoch().count();
      return;
    case ReplyPart::Kind::kWhole:
      drop_source();
      return reply_with(std::move(part.reply));
    case ReplyPart::Kind::kHead:
      framing_ = current_.version >= 11 ? BodyFraming::kChunked : BodyFraming::kClose;
      if (framing_ == BodyFraming::kClose) current_.keep_alive = false;
      head_sent_ = true;
      return write(head_of(part.reply, framing_), /*ends_reply=*/false);
    case ReplyPart::Kind::kPiece:
      return write(framed(part.bytes), /*ends_reply=*/false);
    case ReplyPart::Kind::kEnd:
      drop_source();
      if (framing_ == BodyFraming::kClose) return end_reply();
      return write(std::string(kLastChunk), /*ends_reply=*/true);
  }
}

void Connection::send_sign_of_life() {
  const bool due = HttpClock::now().time_since_epoch().count() >= sign_of_life_at_;
  if (!due || phase_ != Phase::kReplying || !source_ || writing_ || !head_sent_) return;
  sign_of_life_at_ = kNever;
  std::string bytes = framed(source_->sign_of_life());
  if (!bytes.empty()) write(std::move(bytes), /*ends_reply=*/false);
}

std::string Connection::framed(std::string_view bytes) const {
  return framing_ == BodyFraming::kChunked ? chunk_of(bytes) : std::string(bytes);
}

std::string Connection::head_of(HttpReply& reply, BodyFraming framing) {
  if (shared_.draining) current_.keep_alive = false;
  current_.end.status = reply.status;
  for (const Header& header : current_.headers_of_replies) reply.headers.push_back(header);
  return reply_head(reply, framing,
                    {.request_id = current_.end.id,
                     .version = current_.version,
                     .keep_alive = current_.keep_alive,
                     .now = std::time(nullptr)});
}

void Connection::write(std::string bytes, bool ends_reply) {
  sign_of_life_at_ = kNever;
  if (writing_) {
    next_outgoing_.bytes += bytes;
    next_outgoing_.ends_reply |= ends_reply;
    return;
  }
  outgoing_ = {.bytes = std::move(bytes), .ends_reply = ends_reply};
  write_some();
}

void Connection::write_some() {
  writing_ = true;
  write_deadline_ = (HttpClock::now() + options_.write_time).time_since_epoch().count();
  const std::string_view rest = std::string_view(outgoing_.bytes).substr(outgoing_.written);
  asio::async_write(socket_, asio::buffer(rest.substr(0, kWriteBytes)),
                    [self = shared_from_this()](const error_code& error, size_t bytes) {
                      self->on_written(error, bytes);
                    });
}

void Connection::on_written(const error_code& error, size_t bytes) {
  writing_ = false;
  write_deadline_ = kNever;
  if (phase_ == Phase::kClosed) return;
  current_.end.sent_bytes += static_cast<int64_t>(bytes);
  if (error) return client_left();
  outgoing_.written += bytes;
  if (outgoing_.written < outgoing_.bytes.size()) return write_some();
  if (outgoing_.ends_reply) return end_reply();
  if (!next_outgoing_.bytes.empty()) {
    outgoing_ = std::exchange(next_outgoing_, {});
    return write_some();
  }
  outgoing_ = {};
  pump();
}

void Connection::end_reply() {
  outgoing_ = {};
  report(current_.end.status);
  head_sent_ = false;
  if (!current_.keep_alive) return linger();
  phase_ = Phase::kReceiving;
  set_busy(false);
  expect_input_within(options_.idle_time);
  advance();
  read();
}

void Connection::drop_source() {
  if (!source_) return;
  current_.end.answer = source_->facts();
  source_.reset();
  self_.reset();
}

void Connection::report(int status) {
  if (!std::exchange(current_.unreported, false)) return;
  current_.end.status = status;
  current_.end.total_ms = milliseconds_since(current_.begun);
  shared_.app.ended(current_.end);
}

void Connection::client_left() {
  drop_source();
  report(499);
  close();
}

// A close with bytes that were not read would make the kernel send a reset, and that can overtake
// the reply. So the client gets a while to read it and to close.
void Connection::linger() {
  phase_ = Phase::kLingering;
  input_.clear();
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || input_ended_) return close();
  expect_input_within(options_.linger_time);
  read();
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  drop_source();
  report(499);
  phase_ = Phase::kClosed;
  input_deadline_ = write_deadline_ = sign_of_life_at_ = kNever;
  error_code ignored;
  socket_.close(ignored);
  set_busy(false);
}

// Without waiting for what the client has not yet taken.
void Connection::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void Connection::stop() {
  post(&Connection::reset);
}

void Connection::set_busy(bool busy) {
  if (std::exchange(busy_, busy) == busy) return;
  if (busy) {
    ++shared_.busy_connections;
  } else if (--shared_.busy_connections == 0) {
    shared_.when_idle();
  }
}

void Connection::look_at_the_clock(HttpClock::time_point now) {
  const HttpClock::rep count = now.time_since_epoch().count();
  if (count >= input_deadline_ || count >= write_deadline_) post(&Connection::on_deadline);
  if (count >= sign_of_life_at_) post(&Connection::send_sign_of_life);
}

void Connection::on_deadline() {
  const HttpClock::rep now = HttpClock::now().time_since_epoch().count();
  if (now >= write_deadline_) {
    drop_source();
    report(499);
    return reset();
  }
  if (now < input_deadline_) return;
  input_deadline_ = kNever;
  if (phase_ == Phase::kLingering) return close();
  if (phase_ != Phase::kReceiving) return;
  if (reader_.state() == RequestReader::State::kNothing) return close();
  refuse_unread(shared_.app.failure(
      408, reader_.state() == RequestReader::State::kHead
               ? "the headers of the request did not come in time"
               : fmt::format("the body of the request did not come in time: {} bytes did",
                             reader_.body_bytes_read())));
}

void Connection::begin_drain() {
  post(&Connection::on_drain);
}

void Connection::on_drain() {
  if (phase_ != Phase::kReceiving || !busy_) return;
  const HttpClock::rep soon =
      (HttpClock::now() + options_.drain_head_time).time_since_epoch().count();
  if (soon < input_deadline_) input_deadline_ = soon;
}

}  // namespace stapes::serve
