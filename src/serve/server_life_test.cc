// Clients that leave, read slowly or come too many; keys; draining; the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/file.h"
#include "serve/testing/served.h"
#include "serve/testing/test_app.h"

namespace stapes::serve {
namespace {

using std::chrono::milliseconds;
using testing::chat_body;
using testing::comes_true;
using testing::endless_model;
using ::testing::HasSubstr;
using testing::Json;
using testing::kChat;
using ::testing::Not;
using testing::on_any_port;
using testing::open_engine;
using testing::RawClient;
using ::testing::StartsWith;

std::string post(const std::string& body, const std::string& headers = "") {
  return "POST " + std::string(kChat) + " HTTP/1.1\r\nHost: h\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Longer than any test waits.
std::string endless_body(bool stream) {
  return chat_body("go on", {{"max_tokens", 60'000}, {"stream", stream}});
}

class ServerLifeTest : public ::testing::Test {
 protected:
  void serve(const ServeOptions& options = on_any_port(), EngineOptions engine = {}) {
    engine.max_kv_tokens = 200'000;  // room for several endless answers
    server_.emplace(open_engine(endless_model(), engine), options);
  }
  EngineCounters counters() { return server_->engine().counters(); }
  bool sequences_become(int64_t count) {
    return comes_true([&] { return counters().live_sequences == count; });
  }
  // A client whose answer has begun to be written and will not end.
  RawClient busy_client(bool stream) {
    RawClient client(server_->port());
    const int64_t before = counters().live_sequences;
    client.send(post(endless_body(stream)));
    EXPECT_TRUE(sequences_become(before + 1));
    return client;
  }

  std::optional<Server> server_;
};

TEST_F(ServerLifeTest, AClientThatLeavesFreesItsSequenceWithinAStep) {
  serve();
  for (const bool stream : {false, true})
    for (const bool reset : {false, true}) {
      RawClient client = busy_client(stream);
      if (stream) client.read_until("data: ");
      const int64_t steps = counters().steps;
      reset ? client.reset() : client.close();
      ASSERT_TRUE(sequences_become(0)) << stream << reset;
      // Some go by until the kernel, the socket's thread and this test have been scheduled.
      EXPECT_LT(counters().steps - steps, 5000);
    }
  EXPECT_EQ(counters().queued_requests, 0);
}

TEST_F(ServerLifeTest, AClientThatLeavesWhileItWaitsIsForgotten) {
  EngineOptions engine;
  engine.max_live_sequences = 1;
  serve(on_any_port(), engine);
  RawClient first = busy_client(true);
  RawClient second(server_->port());
  second.send(post(endless_body(true)));
  ASSERT_TRUE(comes_true([&] { return counters().queued_requests == 1; }));
  second.close();
  EXPECT_TRUE(comes_true([&] { return counters().queued_requests == 0; }));
  EXPECT_EQ(counters().live_sequences, 1);
}

TEST_F(ServerLifeTest, AFullQueueSaysComeBack) {
  EngineOptions engine;
  engine.max_live_sequences = 1;
  engine.max_queued_requests = 1;
  serve(on_any_port(), engine);
  RawClient first = busy_client(true);
  RawClient second(server_->port());
  second.send(post(endless_body(true)));
  ASSERT_TRUE(comes_true([&] { return counters().queued_requests == 1; }));
  RawClient third(server_->port());
  const auto reply = third.ask("POST", kChat, endless_body(true));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->header("retry-after"), "1");
  EXPECT_EQ(Json::parse(reply->body)["error"]["type"], "rate_limit_error");
}

TEST_F(ServerLifeTest, ASlowReaderPausesOnlyItself) {
  ServeOptions options = on_any_port();
  options.http.send_buffer_bytes = 16 << 10;
  serve(options);
  RawClient slow(server_->port(), /*receive_buffer_bytes=*/16 << 10);
  slow.send(post(endless_body(true)));
  slow.read_until("data: ");
  ASSERT_TRUE(sequences_become(1));
  // What its socket and its stream hold is soon full; then it gets no steps.
  EXPECT_TRUE(comes_true([&] {
    const int64_t tokens = counters().generated_tokens;
    std::this_thread::sleep_for(milliseconds(200));
    return counters().generated_tokens == tokens;
  }));
  const int64_t held = counters().generated_tokens;
  EXPECT_LT(held, 3000);
  RawClient quick(server_->port());
  const auto reply = quick.ask("POST", kChat, chat_body("go on", {{"max_tokens", 50}}));
  EXPECT_EQ(reply->status, 200);
  // It goes on where it stood once it is read.
  for (size_t bytes = 0; bytes < 500'000;) bytes += slow.read_some().size();
  EXPECT_TRUE(comes_true([&] { return counters().generated_tokens > held + 100; }));
  slow.close();
  EXPECT_TRUE(sequences_become(0));
}

TEST_F(ServerLifeTest, WhoReadsNothingAtAllLosesItsSequence) {
  ServeOptions options = on_any_port();
  options.http.send_buffer_bytes = 16 << 10;
  options.http.write_time = milliseconds(300);
  serve(options);
  RawClient stuck(server_->port(), /*receive_buffer_bytes=*/16 << 10);
  stuck.send(post(endless_body(true)));
  ASSERT_TRUE(sequences_become(1));
  EXPECT_TRUE(sequences_become(0));
}

TEST_F(ServerLifeTest, OnlyKeysOfTheFileMayAsk) {
  ServeOptions options = on_any_port();
  options.keys = ApiKeys({"first-key", "second"});
  serve(options);
  const auto status = [&](const std::string& method, const std::string& path,
                          const std::string& header) {
    RawClient client(server_->port());
    return client.ask(method, path, method == "POST" ? "{}" : "", header)->status;
  };
  for (const std::string wrong :
       {"", "Authorization: Bearer\r\n", "Authorization: Bearer first-ke\r\n",
        "Authorization: Bearer first-keyy\r\n", "Authorization: Basic first-key\r\n",
        "Authorization: first-key\r\n", "X-Api-Key: first-key\r\n"})
    for (const std::string path : {kChat, "/v1/completions", "/tokenize", "/detokenize"})
      EXPECT_EQ(status("POST", path, wrong), 401) << path << " " << wrong;
  EXPECT_EQ(status("GET", "/v1/models", ""), 401);
  EXPECT_EQ(status("GET", "/metrics", ""), 401);
  EXPECT_EQ(status("POST", kChat, "Authorization: Bearer first-key\r\n"), 400);
  EXPECT_EQ(status("POST", kChat, "authorization: bearer second \r\n"), 400);
  EXPECT_EQ(status("GET", "/health", ""), 200);
  EXPECT_EQ(status("GET", "/", ""), 200);
  RawClient client(server_->port());
  const auto reply = client.ask("GET", "/v1/models");
  EXPECT_EQ(reply->header("www-authenticate"), "Bearer");
  EXPECT_EQ(Json::parse(reply->body)["error"]["code"], "invalid_api_key");
}

// The body of a request without a key is not even read.
TEST_F(ServerLifeTest, WithoutAKeyNothingIsUploaded) {
  ServeOptions options = on_any_port();
  options.keys = ApiKeys({"key"});
  serve(options);
  RawClient client(server_->port());
  client.send("POST " + std::string(kChat) +
              " HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n");
  EXPECT_EQ(client.read_reply()->status, 401);
}

TEST_F(ServerLifeTest, PagesOfNamedOriginsMayAsk) {
  ServeOptions options = on_any_port();
  options.cors_origins = {"https://a.example"};
  serve(options);
  RawClient client(server_->port());
  const auto preflight =
      client.ask("OPTIONS", kChat, "",
                 "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
                 "Access-Control-Request-Headers: content-type,x-stainless-os\r\n");
  EXPECT_EQ(preflight->status, 204);
  EXPECT_EQ(preflight->header("access-control-allow-origin"), "https://a.example");
  EXPECT_EQ(preflight->header("access-control-allow-methods"), "POST, OPTIONS");
  EXPECT_EQ(preflight->header("access-control-allow-headers"), "content-type,x-stainless-os");
  const auto reply = client.ask("GET", "/v1/models", "", "Origin: https://a.example\r\n");
  EXPECT_EQ(reply->header("access-control-allow-origin"), "https://a.example");
  EXPECT_EQ(reply->header("vary"), "origin");
  const auto failure = client.ask("GET", "/none", "", "Origin: https://a.example\r\n");
  EXPECT_EQ(failure->header("access-control-allow-origin"), "https://a.example");
  for (const std::string other : {"https://b.example", "https://a.example.evil", "null"}) {
    const auto refused = client.ask(
        "OPTIONS", kChat, "", "Origin: " + other + "\r\nAccess-Control-Request-Method: POST\r\n");
    EXPECT_EQ(refused->header("access-control-allow-origin"), "") << other;
    EXPECT_EQ(refused->header("access-control-allow-methods"), "") << other;
  }
}

TEST_F(ServerLifeTest, CorsOriginsMustBeOrigins) {
  for (const std::string odd : {"a.example", "https://a.example/", "https://", ""}) {
    ServeOptions options = on_any_port();
    options.cors_origins = {odd};
    EXPECT_THROW(serve(options), Error) << odd;
  }
}

TEST_F(ServerLifeTest, DrainsWhatRunsAndRefusesTheRest) {
  ServeOptions options = on_any_port();
  options.http.send_buffer_bytes = 16 << 10;
  serve(options);
  // More than fits into the sockets: it cannot end before it is read.
  RawClient running(server_->port(), /*receive_buffer_bytes=*/16 << 10);
  running.send(post(chat_body("go on", {{"max_tokens", 3000}, {"stream", true}})));
  running.read_until("data: ");
  std::atomic<bool> drained = false;
  server_->drain([&] {
    drained = true;
    drained.notify_all();
  });
  RawClient late(server_->port());
  const auto refused = late.ask("POST", kChat, chat_body("hi"));
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->header("connection"), "close");
  EXPECT_EQ(refused->header("retry-after"), "1");
  EXPECT_EQ(Json::parse(refused->body)["error"]["code"], "draining");
  late.close();
  RawClient prober(server_->port());
  const auto health = prober.ask("GET", "/health");
  EXPECT_EQ(health->status, 503);
  EXPECT_EQ(Json::parse(health->body)["status"], "draining");
  prober.close();
  EXPECT_FALSE(drained);
  EXPECT_THAT(running.read_until("[DONE]"), HasSubstr("\"finish_reason\":\"length\""));
  running.close();
  drained.wait(false);
}

TEST_F(ServerLifeTest, StopsAtOnceInTheMiddleOfAnswers) {
  serve();
  RawClient whole = busy_client(false);
  RawClient stream = busy_client(true);
  server_->stop();
  EXPECT_TRUE(whole.has_ended());
  EXPECT_THAT(stream.read_to_end(), Not(HasSubstr("[DONE]")));
  EXPECT_TRUE(sequences_become(0));
  server_.reset();
}

TEST_F(ServerLifeTest, SoundsOfWaitingRequestsAreBounded) {
  ServeOptions options = on_any_port();
  options.http.max_request_bytes = 300'000;  // less than the body below
  serve(options);
  RawClient client(server_->port());
  const auto reply = client.ask("POST", kChat, chat_body(std::string(400'000, 'x')));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 429);
  RawClient next(server_->port());
  EXPECT_EQ(next.ask("POST", kChat, chat_body("hi", {{"max_tokens", 2}}))->status, 200);
}

// A sound on another server, and one in a folder.
TEST_F(ServerLifeTest, SoundsByUrlAndByPathWhereTheyAreAllowed) {
  const std::filesystem::path samples = std::filesystem::path(STAPES_SOURCE_DIR) / "samples";
  testing::TestApp origin_app;
  HttpOptions any_port;
  any_port.port = 0;
  testing::StartedServer origin(any_port, origin_app);
  const std::string url = "http://127.0.0.1:" + std::to_string(origin.port()) + "/sound";
  const auto status_of = [&](const std::string& where) {
    const Json part = {{"type", "audio_url"}, {"audio_url", {{"url", where}}}};
    const Json body = {{"messages", {{{"role", "user"}, {"content", {part}}}}}, {"max_tokens", 2}};
    RawClient client(server_->port());
    const auto reply = client.ask("POST", kChat, body.dump());
    return std::to_string(reply->status) + " " + reply->body;
  };
  ServeOptions options = on_any_port();
  options.audio.allow_urls = true;
  options.audio.allow_files = true;
  options.audio.file_root = samples;
  serve(options);
  EXPECT_THAT(status_of(url), HasSubstr("400 "));
  EXPECT_THAT(status_of(url), HasSubstr("not on the public internet"));
  EXPECT_THAT(status_of(samples / "six-four.wav"), StartsWith("200 "));
  EXPECT_THAT(status_of(samples / "../README.md"), StartsWith("400 "));
  server_.reset();
  options.fetch.allow_private = true;
  serve(options);
  for (int i = 0; i < 2; ++i)
    origin_app.queue("/sound")->put({.kind = ReplyPart::Kind::kWhole,
                                     .reply = {.body = i == 0 ? read_file(samples / "six-four.wav")
                                                              : std::string("no sound")}});
  EXPECT_THAT(status_of(url), StartsWith("200 "));
  EXPECT_THAT(status_of(url), HasSubstr("messages[0].content[0].audio_url"));
}

}  // namespace
}  // namespace stapes::serve
