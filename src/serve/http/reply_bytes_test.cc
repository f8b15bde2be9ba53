#include "serve/http/reply_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stapes::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReplyBytes, Head) {
  const HttpReply reply{.status = 200, .headers = {{"etag", "\"1\""}}, .body = "four"};
  EXPECT_EQ(reply_head(reply, BodyFraming::kLength, {.request_id = "r1", .now = 0}),
            "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "content-type: application/json\r\ncontent-length: 4\r\nx-request-id: r1\r\n"
            "etag: \"1\"\r\n\r\n");
}

TEST(ReplyBytes, EndsOfABody) {
  const HttpReply reply;
  EXPECT_THAT(reply_head(reply, BodyFraming::kChunked, {}),
              HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_THAT(reply_head(reply, BodyFraming::kClose, {.version = 10}),
              HasSubstr("connection: close\r\n"));
  EXPECT_THAT(reply_head(reply, BodyFraming::kLength, {.version = 10}),
              HasSubstr("connection: keep-alive\r\n"));
  EXPECT_THAT(reply_head(reply, BodyFraming::kLength, {.keep_alive = false}),
              HasSubstr("connection: close\r\n"));
  EXPECT_THAT(reply_head({.status = 304}, BodyFraming::kLength, {}),
              Not(HasSubstr("content-length")));
}

TEST(ReplyBytes, AValueCannotBeginAHeader) {
  const HttpReply reply{.headers = {{"x", std::string("a\r\nset-cookie: b\0c", 18)}}};
  EXPECT_THAT(reply_head(reply, BodyFraming::kLength, {}),
              HasSubstr("x: a  set-cookie: b c\r\n\r\n"));
}

TEST(ReplyBytes, Chunks) {
  EXPECT_EQ(chunk_of("0123456789abcdef"), "10\r\n0123456789abcdef\r\n");
  EXPECT_EQ(chunk_of(""), "");
}

}  // namespace
}  // namespace stapes::serve
