#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stapes/error.h"

namespace stapes::net {
namespace {

using ::testing::HasSubstr;

std::string parts(const Url& url) {
  return std::string(url.https ? "https " : "http ") + url.host + " " + std::to_string(url.port) +
         " " + url.target;
}

std::string why_not(const std::string& text) {
  try {
    return "it is " + parts(parse_url(text));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

TEST(Url, IsTakenApart) {
  EXPECT_EQ(parts(parse_url("http://a.b/c?d#e")), "http a.b 80 /c?d");
  EXPECT_EQ(parts(parse_url("HTTPS://a.b")), "https a.b 443 /");
  EXPECT_EQ(parts(parse_url("http://a.b:8080?x")), "http a.b 8080 /?x");
  EXPECT_EQ(parts(parse_url("http://[::1]:9/x")), "http ::1 9 /x");
  EXPECT_EQ(parse_url("http://[::1]/").authority(), "[::1]");
  EXPECT_EQ(parse_url("https://h:80/").authority(), "h:80");
  EXPECT_EQ(parse_url("https://h:443/").authority(), "h");
}

TEST(Url, RefusesWhatIsUnclear) {
  EXPECT_THAT(why_not("ftp://a/b"), HasSubstr("http:// or https://"));
  EXPECT_THAT(why_not("file:///etc/passwd"), HasSubstr("http:// or https://"));
  EXPECT_THAT(why_not("http://user:word@a/b"), HasSubstr("without user name"));
  EXPECT_THAT(why_not("http://public.host@127.0.0.1/"), HasSubstr("without user name"));
  EXPECT_THAT(why_not("http://a b/"), HasSubstr("plain characters"));
  EXPECT_THAT(why_not("http://a\r\nHost: x/"), HasSubstr("plain characters"));
  EXPECT_THAT(why_not("http://a\\b/"), HasSubstr("plain characters"));
  EXPECT_THAT(why_not("http:///x"), HasSubstr("a host"));
  EXPECT_THAT(why_not("http://a:/x"), HasSubstr("a port"));
  EXPECT_THAT(why_not("http://a:0/x"), HasSubstr("a port"));
  EXPECT_THAT(why_not("http://a:65536/x"), HasSubstr("a port"));
  EXPECT_THAT(why_not("http://[::1/x"), HasSubstr("expected ]"));
  EXPECT_THAT(why_not("http://[::1]x/"), HasSubstr("a port or nothing"));
  EXPECT_THAT(why_not("http://a/" + std::string(3000, 'x')), HasSubstr("2048"));
}

TEST(Url, FollowsLocations) {
  const Url base = parse_url("http://a:81/b/c?d");
  EXPECT_EQ(parts(follow(base, "/x")), "http a 81 /x");
  EXPECT_EQ(parts(follow(base, "x?y")), "http a 81 /b/x?y");
  EXPECT_EQ(parts(follow(base, "?y")), "http a 81 /b/c?y");
  EXPECT_EQ(parts(follow(base, "//n/x")), "http n 80 /x");
  EXPECT_EQ(parts(follow(base, "https://n/x")), "https n 443 /x");
  EXPECT_THROW(follow(parse_url("https://a/"), "http://a/"), Error);
  EXPECT_THROW(follow(base, "file:///etc/passwd"), Error);
}

}  // namespace
}  // namespace stapes::net
