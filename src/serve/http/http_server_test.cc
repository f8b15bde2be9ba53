// Requests and replies over real sockets; limits and times are in http_limits_test.cc.
#include "serve/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "serve/testing/raw_client.h"
#include "serve/testing/test_app.h"

namespace stapes::serve {
namespace {

using testing::any_port;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::RawReply;
using testing::StartedServer;
using ::testing::StartsWith;
using testing::TestApp;

constexpr auto kHead = ReplyPart::Kind::kHead;
constexpr auto kEnd = ReplyPart::Kind::kEnd;
constexpr auto kWhole = ReplyPart::Kind::kWhole;

class HttpServerTest : public ::testing::Test {
 protected:
  RawClient client() { return RawClient(server_.port()); }
  // Asks for `path` on a client of its own, and waits until the application has been asked.
  RawClient waiting_client(const std::string& path) {
    RawClient waiting = client();
    waiting.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(app_.queue(path)->wait_until_asked());
    return waiting;
  }

  TestApp app_;
  StartedServer server_{any_port(), app_};
};

TEST_F(HttpServerTest, KeepsTheConnectionForManyRequests) {
  RawClient client = this->client();
  for (int i = 0; i < 5; ++i) {
    const std::string body(static_cast<size_t>(i) * 10'000, 'a');
    const auto reply = client.ask("POST", "/echo", body);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, body);
    EXPECT_EQ(reply->header("connection"), "");
    EXPECT_EQ(reply->header("x-method"), "POST");
  }
  EXPECT_EQ(server_.connections(), 1);
}

TEST_F(HttpServerTest, ClosesWhereTheClientWantsIt) {
  RawClient client = this->client();
  const auto reply = client.ask("GET", "/echo", "", "Connection: close\r\n");
  EXPECT_EQ(reply->header("connection"), "close");
  EXPECT_TRUE(client.has_ended());
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  RawClient client = this->client();
  client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read_reply()->header("connection"), "keep-alive");
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const auto queue = app_.queue("/stream");
  ASSERT_TRUE(queue->wait_until_asked());
  queue->put({.kind = kHead});
  queue->put_piece("one ");
  queue->put_piece("two");
  queue->put({.kind = kEnd});
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->header("transfer-encoding"), "");
  EXPECT_EQ(reply->body, "one two");
  EXPECT_TRUE(client.has_ended());
}

TEST_F(HttpServerTest, AnswersRequestsSentInAdvanceInOrder) {
  RawClient client = this->client();
  std::string requests;
  for (int i = 0; i < 20; ++i)
    requests +=
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n" + std::to_string(10 + i);
  client.send(requests);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.read_reply()->body, std::to_string(10 + i));
}

TEST_F(HttpServerTest, ARequestSentInAdvanceWaitsForASlowReply) {
  RawClient client = this->client();
  client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto queue = app_.queue("/slow");
  ASSERT_TRUE(queue->wait_until_asked());
  EXPECT_EQ(client.read_some(std::chrono::milliseconds(50)), "");
  queue->put({.kind = kWhole, .reply = {.body = "slow"}});
  EXPECT_EQ(client.read_reply()->body, "slow");
  EXPECT_EQ(client.read_reply()->body, "");
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGet) {
  RawClient client = this->client();
  const auto head = client.ask("HEAD", "/echo", "12345");
  EXPECT_EQ(head->header("content-length"), "5");
  EXPECT_EQ(client.ask("POST", "/echo", "after")->body, "after");
}

TEST_F(HttpServerTest, StreamsPiecesAsTheyCome) {
  RawClient client = waiting_client("/stream");
  const auto queue = app_.queue("/stream");
  queue->put({.kind = kHead, .reply = {.content_type = "text/event-stream"}});
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("content-type: text/event-stream\r\n"));
  queue->put_piece("data: 1\n\n");
  EXPECT_EQ(client.read_until("\n\n\r\n"), "9\r\ndata: 1\n\n\r\n");
  queue->put_piece("data: 2\n\n");
  EXPECT_EQ(client.read_until("\n\n\r\n"), "9\r\ndata: 2\n\n\r\n");
  queue->put({.kind = kEnd});
  EXPECT_EQ(client.read_until("\r\n\r\n"), "0\r\n\r\n");
  EXPECT_EQ(client.ask("POST", "/echo", "again")->body, "again");
  EXPECT_TRUE(queue->wait_until_gone());
}

// A request cut anywhere gets a plain answer, or none where it had not begun; the server goes on.
TEST_F(HttpServerTest, ARequestCutAnywhere) {
  const std::string request = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
  for (size_t size = 0; size <= request.size(); ++size) {
    RawClient client = this->client();
    client.send(std::string_view(request).substr(0, size));
    client.end_sending();
    const auto reply = client.read_reply();
    if (size == 0) {
      EXPECT_FALSE(reply);
    } else if (size < request.size()) {
      ASSERT_TRUE(reply) << size;
      EXPECT_EQ(reply->status, 400);
      EXPECT_THAT(reply->body, StartsWith("the request ended in the middle of its "));
    } else {
      EXPECT_EQ(reply->body, "hello");  // who has sent all may close its side
    }
    EXPECT_TRUE(client.has_ended());
  }
  RawClient client = this->client();
  for (size_t size = 1; size <= request.size(); ++size) {
    RawClient dropped = this->client();
    dropped.send(std::string_view(request).substr(0, size));
    dropped.reset();
  }
  EXPECT_EQ(client.ask("POST", "/echo", "alive")->body, "alive");
}

TEST_F(HttpServerTest, AClientThatLeavesTakesItsSourceAlong) {
  for (const bool reset : {false, true}) {
    const std::string path = reset ? "/reset" : "/close";
    RawClient client = waiting_client(path);
    reset ? client.reset() : client.close();
    EXPECT_TRUE(app_.queue(path)->wait_until_gone());
  }
  for (const RequestEnd& end : app_.ends(2)) EXPECT_EQ(end.status, 499);
}

TEST_F(HttpServerTest, AClientThatLeavesAStreamTakesItsSourceAlong) {
  RawClient client = waiting_client("/stream");
  const auto queue = app_.queue("/stream");
  queue->put({.kind = kHead});
  queue->put_piece("one");
  client.read_until("one\r\n");
  client.close();
  EXPECT_TRUE(queue->wait_until_gone());
  EXPECT_EQ(app_.ends(1).front().status, 499);
}

TEST_F(HttpServerTest, AClosedSideWhileAnAnswerIsMadeCountsAsLeaving) {
  RawClient client = waiting_client("/slow");
  client.end_sending();
  EXPECT_TRUE(app_.queue("/slow")->wait_until_gone());
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->status, 499);
  EXPECT_THAT(reply->body, HasSubstr("closed its side"));
}

TEST_F(HttpServerTest, AFaultBeforeTheHeadIsAStatus) {
  RawClient client = this->client();
  EXPECT_EQ(client.ask("GET", "/throw")->status, 500);
  client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  app_.queue("/slow")->put_piece("throw");
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->status, 500);
  EXPECT_EQ(reply->body, "a fault of ours");
}

TEST_F(HttpServerTest, AFaultInAStreamCutsIt) {
  RawClient client = waiting_client("/stream");
  const auto queue = app_.queue("/stream");
  queue->put({.kind = kHead});
  queue->put_piece("one");
  client.read_until("one\r\n");
  queue->put_piece("throw");
  EXPECT_EQ(client.read_to_end(), "");  // no last chunk: nobody takes this for the whole
}

TEST_F(HttpServerTest, RequestIdsAreTakenOrMade) {
  RawClient client = this->client();
  EXPECT_EQ(client.ask("GET", "/echo", "", "X-Request-ID: my.id:7_a-B\r\n")->header("x-request-id"),
            "my.id:7_a-B");
  const std::string made(client.ask("GET", "/echo")->header("x-request-id"));
  const std::string next(client.ask("GET", "/echo")->header("x-request-id"));
  EXPECT_THAT(made, StartsWith("req-"));
  EXPECT_NE(made, next);
  for (const std::string& odd : {std::string("a b"), std::string("\"x\""), std::string(65, 'x')})
    EXPECT_THAT(std::string(client.ask("GET", "/echo", "", "x-request-id: " + odd + "\r\n")
                                ->header("x-request-id")),
                StartsWith("req-"));
  EXPECT_EQ(app_.ends(6).front().id, "my.id:7_a-B");
}

TEST_F(HttpServerTest, WhatIsRefusedByItsHeadIsNotRead) {
  RawClient client = this->client();
  client.send("POST /forbidden HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  const auto reply = client.read_reply();
  EXPECT_EQ(reply->status, 403);
  EXPECT_EQ(reply->header("connection"), "close");
  // What is on its way meanwhile does not reset the connection before the reply is read.
  EXPECT_TRUE(client.send(std::string(1'000'000, 'x')));
  client.end_sending();
  EXPECT_TRUE(client.has_ended());
  // Where no body follows, the connection goes on.
  RawClient other = this->client();
  EXPECT_EQ(other.ask("GET", "/forbidden")->status, 403);
  EXPECT_EQ(other.ask("GET", "/forbidden")->status, 403);
}

TEST_F(HttpServerTest, SaysContinueWhereTheClientWaitsForIt) {
  RawClient client = this->client();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_EQ(client.read_reply()->body, "hello");
  client.send(
      "POST /forbidden HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_reply()->status, 403);
}

TEST_F(HttpServerTest, ReportsHowRequestsEnded) {
  RawClient client = this->client();
  client.ask("POST", "/echo", "12345");
  client.send("nonsense\r\n\r\n");
  EXPECT_EQ(client.read_reply()->status, 400);
  const std::vector<RequestEnd> ends = app_.ends(2);
  EXPECT_EQ(ends[0].method, "POST");
  EXPECT_EQ(ends[0].path, "/echo");
  EXPECT_EQ(ends[0].status, 200);
  EXPECT_EQ(ends[0].body_bytes, 5);
  EXPECT_GT(ends[0].sent_bytes, 50);
  EXPECT_THAT(ends[0].peer, StartsWith("127.0.0.1:"));
  EXPECT_EQ(ends[1].status, 400);
  EXPECT_EQ(ends[1].method, "");
}

TEST_F(HttpServerTest, DrainsAndTellsOnce) {
  RawClient running = waiting_client("/slow");
  RawClient idle = client();
  idle.ask("GET", "/echo");
  std::atomic<int> told = 0;
  server_.drain([&] {
    ++told;
    told.notify_all();
  });
  // An open connection and a new one are still answered, and then closed.
  EXPECT_EQ(idle.ask("GET", "/echo")->header("connection"), "close");
  EXPECT_TRUE(idle.has_ended());
  EXPECT_EQ(client().ask("GET", "/echo")->status, 200);
  EXPECT_EQ(told, 0);
  app_.queue("/slow")->put({.kind = kWhole, .reply = {.body = "at last"}});
  EXPECT_EQ(running.read_reply()->body, "at last");
  running.close();
  told.wait(0);
  EXPECT_EQ(told, 1);
}

TEST_F(HttpServerTest, StopEndsEverythingAtOnce) {
  RawClient idle = client();
  idle.ask("GET", "/echo");
  RawClient running = waiting_client("/slow");
  server_.stop();
  EXPECT_TRUE(app_.queue("/slow")->wait_until_gone());
  EXPECT_TRUE(idle.has_ended());
  EXPECT_TRUE(running.has_ended());
  app_.queue("/slow")->put_piece("too late");  // wakes nobody
  EXPECT_EQ(app_.ends(2).back().status, 499);
}

// A tick that was due at that moment once set the next one, and the end waited for it forever.
TEST(HttpServer, StopsWhileATickIsDue) {
  using std::chrono::microseconds;
  TestApp app;
  HttpOptions options = any_port();
  options.head_time = std::chrono::milliseconds(1);  // a tick comes every 5 ms
  const auto stop_around_the_first_tick = [&] {
    for (microseconds offset(4'800); offset < microseconds(5'300); offset += microseconds(2)) {
      const StartedServer server(options, app);
      const auto begin = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() < begin + offset) {
      }
    }
  };
  std::future<void> stopped = std::async(std::launch::async, stop_around_the_first_tick);
  if (stopped.wait_for(std::chrono::seconds(60)) == std::future_status::ready) return;
  ADD_FAILURE() << "a server did not stop";
  std::abort();  // nothing else ends a thread that waits
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      RawClient client = this->client();
      for (int i = 0; i < 200; ++i) {
        const std::string body = std::to_string(t * 1000 + i) + std::string(100, 'x');
        const auto reply = client.ask("POST", "/echo", body);
        if (reply && reply->body == body) ++right;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 1600);
}

TEST(HttpServer, SaysWhyItCannotListen) {
  TestApp app;
  const StartedServer first(any_port(), app);
  HttpOptions options;
  options.port = first.port();
  try {
    const HttpServer second(options, app);
    ADD_FAILURE() << "two servers on one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr("cannot listen on 127.0.0.1 port"));
    EXPECT_THAT(error.what(), HasSubstr("in use"));
  }
  options.host = "no.such.host.invalid";
  EXPECT_THROW({ const HttpServer nowhere(options, app); }, Error);
}

}  // namespace
}  // namespace stapes::serve
