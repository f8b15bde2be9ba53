// Fetches from real servers on this machine; the TLS one is made by openssl's own program.
#include "serve/http/url_fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "engine/testing/tiny_model.h"
#include "serve/http/http_server.h"
#include "serve/testing/child_process.h"
#include "serve/testing/raw_client.h"
#include "serve/testing/test_app.h"
#include "stapes/error.h"

namespace stapes::serve {
namespace {

using stapes::testing::TemporaryFolder;
using std::chrono::milliseconds;
using testing::any_port;
using testing::ChildProcess;
using ::testing::HasSubstr;
using testing::StartedServer;
using testing::TestApp;

class UrlFetchTest : public ::testing::Test {
 protected:
  static FetchLimits private_too() {
    FetchLimits limits;
    limits.allow_private = true;
    return limits;
  }
  std::string url(const std::string& path) {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + path;
  }
  void will_answer(const std::string& path, HttpReply reply) {
    app_.queue(path)->put({.kind = ReplyPart::Kind::kWhole, .reply = std::move(reply)});
  }
  void will_redirect(const std::string& path, int status, const std::string& location) {
    will_answer(path, {.status = status, .headers = {{"Location", location}}});
  }
  static Error failure(UrlFetcher& fetcher, const std::string& url) {
    try {
      fetcher.fetch(url);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorCode::kCancelled, "it was fetched");
  }

  TestApp app_;
  StartedServer server_{any_port(), app_};
};

TEST_F(UrlFetchTest, GivesTheBytes) {
  UrlFetcher fetcher(private_too());
  const std::string bytes("RIFF\0\xff", 6);
  will_answer("/sound?x=1", {.body = "not this"});
  will_answer("/sound", {.body = bytes});
  EXPECT_EQ(fetcher.fetch(url("/sound?x=1#y")), bytes);
}

TEST_F(UrlFetchTest, ThisMachineAndItsNetworksAreOutOfReach) {
  UrlFetcher fetcher({});
  for (const std::string& host :
       {std::string("127.0.0.1"), std::string("localhost"), std::string("[::1]"),
        std::string("0.0.0.0"), std::string("127.1"), std::string("2130706433"),
        std::string("0x7f.1"), std::string("[::ffff:127.0.0.1]"), std::string("169.254.169.254")}) {
    const Error error =
        failure(fetcher, "http://" + host + ":" + std::to_string(server_.port()) + "/echo");
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("not on the public internet")) << host;
  }
  EXPECT_TRUE(app_.ends(0).empty());
}

TEST_F(UrlFetchTest, RedirectsAreFollowedAndChecked) {
  UrlFetcher fetcher(private_too());
  will_redirect("/a", 302, "/b");
  will_redirect("/b", 308, url("/c"));
  will_answer("/c", {.body = "there"});
  EXPECT_EQ(fetcher.fetch(url("/a")), "there");
  for (int i = 0; i < 4; ++i) will_redirect("/loop", 301, "/loop");
  EXPECT_THAT(failure(fetcher, url("/loop")).what(), HasSubstr("leads on more than 3 times"));
  will_redirect("/file", 302, "file:///etc/passwd");
  EXPECT_THAT(failure(fetcher, url("/file")).what(), HasSubstr("http:// or https://"));
}

TEST_F(UrlFetchTest, Limits) {
  FetchLimits limits = private_too();
  limits.max_bytes = 1000;
  limits.time = milliseconds(200);
  UrlFetcher fetcher(limits);
  will_answer("/large", {.body = std::string(1001, 'x')});
  EXPECT_EQ(failure(fetcher, url("/large")).code(), ErrorCode::kTooLarge);
  const auto endless = app_.queue("/endless");
  endless->put({.kind = ReplyPart::Kind::kHead});
  for (int i = 0; i < 100; ++i) endless->put_piece(std::string(100, 'x'));
  EXPECT_EQ(failure(fetcher, url("/endless")).code(), ErrorCode::kTooLarge);
  EXPECT_THAT(failure(fetcher, url("/never")).what(), HasSubstr("in time"));
  // A byte now and then does not help.
  const auto dripping = app_.queue("/dripping");
  dripping->put({.kind = ReplyPart::Kind::kHead});
  std::thread drip([&] {
    for (int i = 0; i < 20; ++i) {
      dripping->put_piece("x");
      std::this_thread::sleep_for(milliseconds(25));
    }
  });
  EXPECT_THAT(failure(fetcher, url("/dripping")).what(), HasSubstr("in time"));
  drip.join();
}

TEST_F(UrlFetchTest, OnlySoManyAtOnce) {
  FetchLimits limits = private_too();
  limits.at_once = 1;
  UrlFetcher fetcher(limits);
  std::thread first([&] { EXPECT_EQ(fetcher.fetch(url("/slow")), "slow"); });
  ASSERT_TRUE(app_.queue("/slow")->wait_until_asked());
  EXPECT_EQ(failure(fetcher, url("/other")).code(), ErrorCode::kBusy);
  will_answer("/slow", {.body = "slow"});
  first.join();
}

TEST_F(UrlFetchTest, SaysWhatWentWrong) {
  UrlFetcher fetcher(private_too());
  will_answer("/missing", {.status = 404});
  EXPECT_THAT(failure(fetcher, url("/missing")).what(),
              HasSubstr("expected status 200 from 127.0.0.1, got 404"));
  EXPECT_THAT(failure(fetcher, "http://no.such.host.invalid/").what(), HasSubstr("not found"));
  EXPECT_THAT(failure(fetcher, "http://127.0.0.1:1/").what(), HasSubstr("refused"));
  EXPECT_THAT(failure(fetcher, "https://127.0.0.1:" + std::to_string(server_.port()) + "/").what(),
              HasSubstr("cannot fetch"));
}

// openssl s_server -WWW serves the files of its folder.
TEST(UrlFetchTls, BelievesOnlyAKnownCertificate) {
  if (std::system("command -v openssl >/dev/null") != 0) GTEST_SKIP() << "openssl is not installed";
  const TemporaryFolder folder;
  const std::string in_folder = "cd " + folder.path().string() + " && ";
  ASSERT_EQ(std::system((in_folder +
                         "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 "
                         "-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null && "
                         "printf sound >sound")
                            .c_str()),
            0);
  ChildProcess tls_server(in_folder +
                          "exec openssl s_server -4 -accept 0 -cert cert -key key -WWW 2>&1");
  // "ACCEPT 0.0.0.0:43217"
  const std::string line = tls_server.read_line_with("ACCEPT ");
  const std::string port = line.substr(line.rfind(':') + 1);
  FetchLimits limits;
  limits.allow_private = true;
  limits.time = milliseconds(5000);
  UrlFetcher trusting_few(limits);
  limits.ca_file = folder.path() / "cert";
  UrlFetcher trusting_this(limits);
  EXPECT_EQ(trusting_this.fetch("https://localhost:" + port + "/sound"), "sound");
  EXPECT_THROW(trusting_few.fetch("https://localhost:" + port + "/sound"), Error);
  // The certificate is for another name.
  EXPECT_THROW(trusting_this.fetch("https://127.0.0.1:" + port + "/sound"), Error);
}

}  // namespace
}  // namespace stapes::serve
