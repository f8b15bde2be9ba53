#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/scripted_server.h"
#include "stapes/error.h"

namespace stapes::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::http_reply;
using testing::ScriptedReply;
using testing::ScriptedServer;

Error failure(const HttpClient& client, const std::string& url) {
  try {
    client.post_json(url, "{}");
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kCancelled, "it was answered");
}

TEST(HttpClient, SendsTheJsonAndReturnsTheReply) {
  ScriptedServer server([](const std::string&, const std::string& body) {
    return http_reply("you said " + body, 418);
  });
  const HttpReplyText reply = HttpClient().post_json(server.url("/v1/x?y=1"), R"({"a":1})",
                                                     {{"Authorization", "Bearer secret"}});
  EXPECT_EQ(reply.status, 418);
  EXPECT_EQ(reply.body, R"(you said {"a":1})");
  EXPECT_THAT(server.last_head(), HasSubstr("POST /v1/x?y=1 HTTP/1.1"));
  EXPECT_THAT(server.last_head(), HasSubstr("Authorization: Bearer secret"));
  EXPECT_THAT(server.last_head(), HasSubstr("Content-Type: application/json"));
}

TEST(HttpClient, ABodyWithoutLengthEndsWithTheConnection) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return ScriptedReply{"HTTP/1.1 200 OK\r\n\r\nall of it"};
  });
  EXPECT_EQ(HttpClient().post_json(server.url(), "{}").body, "all of it");
}

TEST(HttpClient, AServerThatHangsIsLeftInTime) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return ScriptedReply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", /*hang=*/true};
  });
  const auto begin = std::chrono::steady_clock::now();
  const Error error = failure(HttpClient({.time = milliseconds(300)}), server.url());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.what(), HasSubstr("did not answer within 0.3 s"));
}

TEST(HttpClient, GarbageAndEndsAreSaid) {
  for (const char* bytes :
       {"", "no http at all\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"}) {
    ScriptedServer server(
        [&](const std::string&, const std::string&) { return ScriptedReply{bytes}; });
    const Error error = failure(HttpClient(), server.url());
    EXPECT_EQ(error.code(), ErrorCode::kIo) << bytes;
    EXPECT_THAT(error.what(), HasSubstr("no answer from 127.0.0.1:")) << bytes;
  }
}

TEST(HttpClient, LongRepliesAreCutOff) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return http_reply(std::string(100'000, 'x')); });
  const Error error = failure(HttpClient({.max_reply_bytes = 1000}), server.url());
  EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
  EXPECT_THAT(error.what(), HasSubstr("limit of 1000"));
}

TEST(HttpClient, NobodyThereAndNoUrl) {
  EXPECT_EQ(failure(HttpClient(), "http://127.0.0.1:1/").code(), ErrorCode::kIo);
  EXPECT_EQ(failure(HttpClient(), "ftp://127.0.0.1/").code(), ErrorCode::kUsage);
  EXPECT_EQ(
      failure(HttpClient({.time = milliseconds(2000)}), "http://no-such-host.invalid/").code(),
      ErrorCode::kIo);
}

}  // namespace
}  // namespace stapes::net
