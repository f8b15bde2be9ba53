// What takes too long or too much, over real sockets with short times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "serve/http/http_server.h"
#include "serve/testing/raw_client.h"
#include "serve/testing/test_app.h"

namespace stapes::serve {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::StartedServer;
using testing::TestApp;

constexpr milliseconds kShort{100};
constexpr milliseconds kLong{60'000};

HttpOptions patient() {
  HttpOptions options;
  options.port = 0;
  options.head_time = options.body_time = options.idle_time = options.write_time = kLong;
  return options;
}

TEST(HttpLimits, HeadersThatDoNotEndInTime) {
  TestApp app;
  HttpOptions options = patient();
  options.head_time = kShort;
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("GET /echo HTTP/1.1\r\nHost: h\r\n");
  // A byte now and then does not help.
  std::thread dripping([&] {
    for (int i = 0; i < 100 && client.send("X: y\r\n"); ++i)
      std::this_thread::sleep_for(milliseconds(5));
  });
  const auto reply = client.read_reply();
  dripping.join();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 408);
  EXPECT_THAT(reply->body, HasSubstr("headers"));
  EXPECT_EQ(reply->header("connection"), "close");
}

TEST(HttpLimits, ABodyThatDoesNotEndInTime) {
  TestApp app;
  HttpOptions options = patient();
  options.body_time = kShort;
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  const auto reply = client.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 408);
  EXPECT_THAT(reply->body, HasSubstr("3 bytes"));
}

TEST(HttpLimits, AnIdleConnectionIsClosedWithoutAWord) {
  TestApp app;
  HttpOptions options = patient();
  options.head_time = options.idle_time = kShort;
  StartedServer server(options, app);
  RawClient never(server.port());
  RawClient once(server.port());
  EXPECT_TRUE(once.ask("GET", "/echo"));
  EXPECT_EQ(never.read_to_end(), "");
  EXPECT_EQ(once.read_to_end(), "");
  EXPECT_EQ(app.ends(1).size(), 1U);
}

TEST(HttpLimits, WaitingForAnAnswerIsNotIdle) {
  TestApp app;
  HttpOptions options = patient();
  options.idle_time = options.head_time = options.body_time = options.write_time = kShort;
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(app.queue("/slow")->wait_until_asked());
  std::this_thread::sleep_for(4 * kShort);
  app.queue("/slow")->put({.kind = ReplyPart::Kind::kWhole, .reply = {.body = "here"}});
  EXPECT_EQ(client.read_reply()->body, "here");
}

TEST(HttpLimits, TooMuchIsSaidWithItsStatus) {
  TestApp app;
  HttpOptions options = patient();
  options.read = {.header_bytes = 1000, .header_count = 20, .body_bytes = 100};
  StartedServer server(options, app);
  const auto status = [&](const std::string& bytes) {
    RawClient client(server.port());
    client.send(bytes);
    const auto reply = client.read_reply();
    return reply ? reply->status : 0;
  };
  const std::string get = "GET /echo HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status(get + "X: " + std::string(5000, 'x') + "\r\n\r\n"), 431);
  std::string flood = get;
  for (int i = 0; i < 30; ++i) flood += "a:\r\n";
  EXPECT_EQ(status(flood + "\r\n"), 431);
  // Far more than any buffer: the answer still arrives.
  std::string endless = get;
  for (int i = 0; i < 100'000; ++i) endless += "header: flood\r\n";
  EXPECT_EQ(status(endless), 431);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"), 413);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" +
                   std::string(2'000'000, 'x')),
            413);
  EXPECT_EQ(status(get + "\r\n"), 200);
}

TEST(HttpLimits, BodiesOfAllRequestsTogether) {
  TestApp app;
  HttpOptions options = patient();
  options.max_request_bytes = 1'000'000;
  StartedServer server(options, app);
  RawClient holding(server.port());
  holding.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 900001\r\n\r\n" +
               std::string(900'000, 'x'));
  while (server.request_bytes().used_bytes() < 900'000) std::this_thread::yield();
  RawClient refused(server.port());
  const auto reply = refused.ask("POST", "/echo", std::string(200'000, 'y'));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, http_status(ErrorCode::kBusy));
  holding.send("x");
  EXPECT_EQ(holding.read_reply()->status, 200);
  while (server.request_bytes().used_bytes() > 0) std::this_thread::yield();
  RawClient again(server.port());
  EXPECT_EQ(again.ask("POST", "/echo", std::string(200'000, 'y'))->status, 200);
}

TEST(HttpLimits, ConnectionsBeyondTheLimitAreToldSo) {
  TestApp app;
  HttpOptions options = patient();
  options.max_connections = 3;
  StartedServer server(options, app);
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    EXPECT_EQ(clients.back().ask("GET", "/echo")->status, 200);
  }
  RawClient fourth(server.port());
  const auto reply = fourth.read_reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_THAT(reply->body, HasSubstr("3 clients"));
  EXPECT_TRUE(fourth.has_ended());
  fourth.close();
  clients.pop_back();
  while (server.connections() > 2) std::this_thread::yield();
  RawClient fifth(server.port());
  EXPECT_EQ(fifth.ask("GET", "/echo")->status, 200);
}

// What a slow reader does not take is not even made.
TEST(HttpLimits, ASlowReaderPausesItsSource) {
  TestApp app;
  HttpOptions options = patient();
  options.send_buffer_bytes = 32 << 10;
  StartedServer server(options, app);
  RawClient slow(server.port(), /*receive_buffer_bytes=*/32 << 10);
  slow.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto queue = app.queue("/stream");
  ASSERT_TRUE(queue->wait_until_asked());
  queue->put({.kind = ReplyPart::Kind::kHead});
  constexpr int kPieces = 2000;
  const std::string piece(1000, 'x');
  for (int i = 0; i < kPieces; ++i) queue->put_piece(piece);
  queue->put({.kind = ReplyPart::Kind::kEnd});
  // Others are not held up meanwhile.
  RawClient other(server.port());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(other.ask("POST", "/echo", "quick")->body, "quick");
  std::this_thread::sleep_for(kShort);
  EXPECT_LT(queue->taken_bytes(), 700'000U);
  EXPECT_EQ(slow.read_reply()->body.size(), kPieces * piece.size());
}

TEST(HttpLimits, WhoTakesNothingAtAllIsCut) {
  TestApp app;
  HttpOptions options = patient();
  options.send_buffer_bytes = 8 << 10;
  options.write_time = kShort;
  StartedServer server(options, app);
  RawClient stuck(server.port(), /*receive_buffer_bytes=*/8 << 10);
  stuck.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto queue = app.queue("/stream");
  queue->put({.kind = ReplyPart::Kind::kHead});
  for (int i = 0; i < 2000; ++i) queue->put_piece(std::string(1000, 'x'));
  EXPECT_TRUE(queue->wait_until_gone());
  EXPECT_EQ(app.ends(1).front().status, 499);
  // The same with a whole reply that does not fit into the socket.
  RawClient deaf(server.port(), /*receive_buffer_bytes=*/8 << 10);
  deaf.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n" +
            std::string(4'000'000, 'x'));
  EXPECT_EQ(app.ends(2).back().status, 499);
  while (server.connections() > 0) std::this_thread::yield();
}

TEST(HttpLimits, AStreamWithoutNewsGivesSignsOfLife) {
  TestApp app;
  HttpOptions options = patient();
  options.sign_of_life_time = milliseconds(30);
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto queue = app.queue("/stream");
  queue->put({.kind = ReplyPart::Kind::kHead});
  client.read_until("\r\n\r\n");
  EXPECT_EQ(client.read_until(":\n\n\r\n"), "3\r\n:\n\n\r\n");
  EXPECT_EQ(client.read_until(":\n\n\r\n"), "3\r\n:\n\n\r\n");
  queue->put_piece("data");
  EXPECT_THAT(client.read_until("data\r\n"), HasSubstr("4\r\ndata\r\n"));
}

TEST(HttpLimits, RequestsSentInAdvanceAreNotKeptWithoutLimit) {
  TestApp app;
  HttpOptions options = patient();
  options.max_unread_bytes = 4 << 10;
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(app.queue("/slow")->wait_until_asked());
  const std::string later = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" +
                            std::string(200'000, 'x');
  std::thread sending([&] { client.send(later); });
  std::this_thread::sleep_for(kShort);
  app.queue("/slow")->put({.kind = ReplyPart::Kind::kWhole, .reply = {.body = "slow"}});
  EXPECT_EQ(client.read_reply()->body, "slow");
  EXPECT_EQ(client.read_reply()->body.size(), 200'000U);
  sending.join();
}

TEST(HttpLimits, DrainingDoesNotWaitForWhoNeverEndsARequest) {
  TestApp app;
  HttpOptions options = patient();
  options.drain_head_time = kShort;
  StartedServer server(options, app);
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  std::this_thread::sleep_for(kShort);
  std::atomic<bool> drained = false;
  server.drain([&] {
    drained = true;
    drained.notify_all();
  });
  EXPECT_FALSE(drained);
  EXPECT_EQ(client.read_reply()->status, 408);
  client.close();
  drained.wait(false);
}

}  // namespace
}  // namespace stapes::serve
