#include "serve/http/request_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace stapes::serve {
namespace {

using State = RequestReader::State;
using ::testing::HasSubstr;

// Feeds the bytes in pieces of `piece` bytes, as a connection does; what is not taken comes again.
State feed_all(RequestReader& reader, std::string_view bytes, size_t piece) {
  std::string input;
  while (!bytes.empty()) {
    input += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const State before = reader.state();
      const size_t used = reader.feed(input);
      input.erase(0, used);
      if (reader.state() == State::kBad || reader.state() == State::kComplete)
        return reader.state();
      if (used == 0 && reader.state() == before) break;
    }
  }
  return reader.state();
}

State state_after(std::string_view bytes, const ReadLimits& limits = {}) {
  RequestReader reader(limits);
  return feed_all(reader, bytes, bytes.size());
}

std::pair<int, std::string> bad(std::string_view bytes, const ReadLimits& limits = {}) {
  RequestReader reader(limits);
  EXPECT_EQ(feed_all(reader, bytes, bytes.size()), State::kBad) << bytes.substr(0, 200);
  return {reader.bad_status(), reader.bad_sentence()};
}

constexpr std::string_view kPost =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
    "Content-Length: 11\r\n\r\nhello\r\nyou!";
constexpr std::string_view kChunked =
    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n "
    "you!!\r\n"
    "0\r\nTrailer: t\r\n\r\n";

TEST(RequestReader, ReadsTheSameInPiecesOfAnySize) {
  for (size_t piece = 1; piece <= kPost.size(); ++piece) {
    RequestReader reader({});
    ASSERT_EQ(feed_all(reader, kPost, piece), State::kComplete) << piece;
    const HttpRequest request = reader.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/chat/completions");
    EXPECT_EQ(request.query, "x=1");
    EXPECT_EQ(request.header("CONTENT-TYPE"), "text/plain");
    EXPECT_EQ(request.body, "hello\r\nyou!");
    EXPECT_TRUE(request.keep_alive);
    EXPECT_EQ(reader.state(), State::kNothing);
  }
}

TEST(RequestReader, JoinsChunks) {
  for (size_t piece = 1; piece <= kChunked.size(); ++piece) {
    RequestReader reader({});
    ASSERT_EQ(feed_all(reader, kChunked, piece), State::kComplete) << piece;
    EXPECT_EQ(reader.take().body, "hello you!!");
  }
}

TEST(RequestReader, StopsAfterTheHeadersAndAtTheEndOfTheRequest) {
  RequestReader reader({});
  const std::string two = std::string(kPost) + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
  size_t used = reader.feed(two);
  EXPECT_EQ(reader.state(), State::kHeadRead);
  EXPECT_EQ(two.substr(used, 5), "hello");
  EXPECT_EQ(reader.request().path, "/v1/chat/completions");
  used += reader.feed(std::string_view(two).substr(used));
  EXPECT_EQ(reader.state(), State::kComplete);
  EXPECT_EQ(two.substr(used, 9), "GET /next");
  reader.take();
  EXPECT_EQ(feed_all(reader, std::string_view(two).substr(used), 1000), State::kComplete);
  EXPECT_EQ(reader.take().path, "/next");
}

TEST(RequestReader, EmptyLinesBeforeARequestDoNotCount) {
  RequestReader reader({});
  EXPECT_EQ(reader.feed("\r\n\r\n"), 4U);
  EXPECT_EQ(reader.state(), State::kNothing);
  EXPECT_EQ(state_after("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), State::kComplete);
}

TEST(RequestReader, TargetsOfAllForms) {
  const auto path_of = [](const std::string& target) {
    RequestReader reader({});
    const std::string bytes = "OPTIONS " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(feed_all(reader, bytes, bytes.size()), State::kComplete) << target;
    const HttpRequest request = reader.take();
    return request.path + "|" + request.query;
  };
  EXPECT_EQ(path_of("/"), "/|");
  EXPECT_EQ(path_of("*"), "*|");
  EXPECT_EQ(path_of("/a?b=c?d"), "/a|b=c?d");
  EXPECT_EQ(path_of("http://host:80/a/b?c"), "/a/b|c");
  EXPECT_EQ(path_of("HTTPS://host?c"), "/|c");
  EXPECT_EQ(path_of("http://host"), "/|");
  EXPECT_EQ(bad("GET a/b HTTP/1.1\r\nHost: h\r\n\r\n").first, 400);
}

TEST(RequestReader, WhatEndsAConnection) {
  const auto keeps = [](const std::string& head) {
    RequestReader reader({});
    EXPECT_EQ(feed_all(reader, head, head.size()), State::kComplete) << head;
    return reader.take().keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestReader, RefusesWhatIsNoRequest) {
  EXPECT_THAT(bad("nonsense\r\n\r\n").second, HasSubstr("no HTTP request"));
  EXPECT_EQ(bad("\x16\x03\x01\x02\x00\x01").first, 400);  // somebody speaks TLS
  EXPECT_EQ(bad("GET / HTTP/2.0\r\nHost: h\r\n\r\n").first, 505);
  EXPECT_EQ(bad("GET / HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n").first, 400);
  EXPECT_EQ(bad("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n").first, 400);
  EXPECT_EQ(bad("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n").first,
            400);
  EXPECT_EQ(bad("GET / HTTP/1.1\r\n\r\n").second, "expected one Host header, got 0");
  EXPECT_EQ(bad("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n").second,
            "expected one Host header, got 2");
  EXPECT_EQ(bad("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n").first,
            400);
}

TEST(RequestReader, AnExtensionOfAChunkEndsWithItsLine) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string open = head + "3;a=\"\r\nabc\r\n04;b=\"\r\nabcd\r\n0\r\n\r\n";
  for (size_t piece = 1; piece <= open.size(); ++piece) {
    RequestReader reader({.body_bytes = 7});
    EXPECT_EQ(feed_all(reader, open, piece), State::kBad) << piece;
    EXPECT_EQ(reader.bad_status(), 400) << piece << " " << reader.bad_sentence();
  }
  const std::string closed = head + "3;a=\"b c\"\r\nabc\r\n004;b\r\nabcd\r\n0;c=\"d\"\r\n\r\n";
  for (size_t piece = 1; piece <= closed.size(); ++piece) {
    RequestReader reader({.body_bytes = 7});
    ASSERT_EQ(feed_all(reader, closed, piece), State::kComplete) << piece;
    EXPECT_EQ(reader.take().body, "abcabcd");
  }
}

// Two servers in a row must not see different ends of a request.
TEST(RequestReader, RefusesUnclearLengths) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(bad(head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n").first, 400);
  EXPECT_EQ(bad(head + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n").first, 400);
  EXPECT_EQ(bad(head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n").first, 400);
  EXPECT_EQ(bad(head + "Transfer-Encoding: gzip, chunked\r\n\r\n").first, 501);
  EXPECT_EQ(bad(head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n").first, 400);
  EXPECT_EQ(bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").first, 501);
  EXPECT_EQ(bad(head + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n").first, 415);
}

TEST(RequestReader, LimitsOfHeaders) {
  ReadLimits limits{.header_bytes = 1000, .header_count = 10};
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(bad(head + "X: " + std::string(2000, 'x') + "\r\n\r\n", limits).first, 431);
  EXPECT_EQ(bad("GET /" + std::string(2000, 'x'), limits).first, 431);
  std::string many = head;
  for (int i = 0; i < 10; ++i) many += "X: y\r\n";
  EXPECT_THAT(bad(many + "\r\n", limits).second, HasSubstr("at most 10 headers, got 11"));
  EXPECT_EQ(state_after(head + "X: " + std::string(900, 'x') + "\r\n\r\n", limits),
            State::kComplete);
}

TEST(RequestReader, LimitsOfBodies) {
  ReadLimits limits{.body_bytes = 10};
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  // Before any of it has come.
  EXPECT_EQ(bad(head + "Content-Length: 11\r\n\r\n", limits),
            std::pair(413, std::string("expected a body of at most 10 bytes")));
  EXPECT_EQ(state_after(head + "Content-Length: 10\r\n\r\n0123456789", limits), State::kComplete);
  EXPECT_EQ(
      bad(head + "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n", limits)
          .first,
      413);
  const std::string flood = "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'x');
  EXPECT_EQ(bad(head + flood).first, 400);
}

TEST(RequestReader, ABodyTakesMemoryAsItComes) {
  ByteBudget budget(100);
  RequestReader one({}, &budget);
  RequestReader other({}, &budget);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80\r\n\r\n";
  feed_all(one, head, head.size());
  EXPECT_EQ(budget.used_bytes(), 0);
  EXPECT_EQ(feed_all(one, std::string(80, 'x'), 7), State::kComplete);
  EXPECT_EQ(budget.used_bytes(), 80);
  try {
    feed_all(other, head + std::string(80, 'x'), 1000);
    ADD_FAILURE() << "the second body fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBusy);
    EXPECT_THAT(error.what(), HasSubstr("100 bytes"));
  }
  { const HttpRequest gone = one.take(); }
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST(RequestReader, AnyBytesInAnyPieces) {
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(i % 2 == 0 ? kPost : kChunked);
    for (int changes = 0; changes < 3; ++changes)
      bytes[rng.next() % bytes.size()] = static_cast<char>(rng.next());
    const size_t piece = 1 + rng.next() % bytes.size();
    RequestReader reader({.header_bytes = 300, .body_bytes = 100});
    feed_all(reader, bytes, piece);
    EXPECT_EQ(reader.state() == State::kBad, reader.bad_status() >= 400);
  }
}

}  // namespace
}  // namespace stapes::serve
