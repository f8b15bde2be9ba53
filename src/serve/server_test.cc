// The whole server over real sockets, with small models.
#include "serve/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "serve/assets.h"
#include "serve/testing/served.h"

namespace stapes::serve {
namespace {

using ::testing::AllOf;
using testing::chat_body;
using testing::comes_true;
using testing::events_of;
using ::testing::HasSubstr;
using testing::Json;
using testing::kChat;
using ::testing::Not;
using testing::RawClient;
using testing::RawReply;
using ::testing::StartsWith;

// One server for the tests that leave it as it was.
class ServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ServeOptions options = testing::on_any_port();
    options.model_id = "org/tiny";
    server_ = new Server(testing::open_engine(testing::tiny_model()), options);
  }
  static void TearDownTestSuite() { delete server_; }

  static RawReply ask(const std::string& method, const std::string& path,
                      const std::string& body = "", const std::string& headers = "") {
    RawClient client(server_->port());
    const auto reply = client.ask(method, path, body, headers);
    EXPECT_TRUE(reply) << method << " " << path;
    return reply.value_or(RawReply());
  }
  // status, type and code of an error in OpenAI's shape.
  static std::string error_of(const RawReply& reply) {
    const Json error = Json::parse(reply.body, nullptr, false)["error"];
    EXPECT_TRUE(error.contains("message") && error["message"].is_string()) << reply.body;
    EXPECT_TRUE(error.contains("param")) << reply.body;
    return std::to_string(reply.status) + " " + error["type"].get<std::string>() + " " +
           (error["code"].is_null() ? "null" : error["code"].get<std::string>());
  }

  static inline Server* server_ = nullptr;
};

TEST_F(ServerTest, AnswersAChatWholeAndInAStreamWithTheSameWords) {
  const RawReply whole = ask("POST", kChat, chat_body("Which digits are spoken?"));
  ASSERT_EQ(whole.status, 200) << whole.body;
  const Json reply = Json::parse(whole.body);
  const std::string content = reply["choices"][0]["message"]["content"];
  EXPECT_EQ(reply["model"], "org/tiny");
  EXPECT_THAT(reply["id"].get<std::string>(), StartsWith("chatcmpl-"));

  RawClient client(server_->port());
  const auto stream =
      client.ask("POST", kChat, chat_body("Which digits are spoken?", {{"stream", true}}));
  ASSERT_EQ(stream->status, 200);
  EXPECT_EQ(stream->header("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(stream->header("cache-control"), "no-store");
  EXPECT_TRUE(stream->whole);
  std::string streamed;
  std::vector<std::string> events = events_of(stream->body);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back(), "[DONE]");
  events.pop_back();
  for (const std::string& event : events) {
    const Json chunk = Json::parse(event, nullptr, false);
    ASSERT_TRUE(chunk.is_object()) << event;
    if (!chunk["choices"].empty() && chunk["choices"][0]["delta"].contains("content") &&
        chunk["choices"][0]["delta"]["content"].is_string())
      streamed += chunk["choices"][0]["delta"]["content"].get<std::string>();
  }
  EXPECT_EQ(streamed, content);
  // The connection goes on.
  EXPECT_EQ(client.ask("GET", "/health")->status, 200);
}

TEST_F(ServerTest, AnswersSeveralCompletionsInOneRequest) {
  const Json body = {
      {"prompt", {"one two", "three"}}, {"max_tokens", 4}, {"temperature", 0}, {"echo", true}};
  const RawReply reply = ask("POST", "/v1/completions", body.dump());
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json choices = Json::parse(reply.body)["choices"];
  ASSERT_EQ(choices.size(), 2U);
  EXPECT_THAT(choices[0]["text"].get<std::string>(), StartsWith("one two"));
  EXPECT_THAT(choices[1]["text"].get<std::string>(), StartsWith("three"));
}

TEST_F(ServerTest, SmallEndpoints) {
  EXPECT_EQ(Json::parse(ask("GET", "/v1/models").body)["data"][0]["id"], "org/tiny");
  EXPECT_EQ(Json::parse(ask("GET", "/v1/models/org%2Ftiny").body)["id"], "org/tiny");
  EXPECT_EQ(Json::parse(ask("GET", "/v1/models/org/tiny").body)["id"], "org/tiny");
  EXPECT_EQ(error_of(ask("GET", "/v1/models/other")), "404 invalid_request_error model_not_found");
  const Json tokens = Json::parse(ask("POST", "/tokenize", R"({"prompt": "hello"})").body);
  EXPECT_EQ(tokens["count"], tokens["tokens"].size());
  const Json text =
      Json::parse(ask("POST", "/detokenize", Json({{"tokens", tokens["tokens"]}}).dump()).body);
  EXPECT_EQ(text["prompt"], "hello");
  EXPECT_THAT(Json::parse(ask("GET", "/openapi.json").body)["openapi"].get<std::string>(),
              StartsWith("3.1"));
  const Json health = Json::parse(ask("GET", "/health").body);
  EXPECT_EQ(health["status"], "ok");
}

TEST_F(ServerTest, EveryPathOfTheDocumentIsServed) {
  const Json document = Json::parse(ask("GET", "/openapi.json").body);
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      std::string target = path;
      if (const size_t brace = target.find('{'); brace != std::string::npos)
        target.replace(brace, std::string::npos, "org/tiny");
      std::string name = method;
      std::ranges::transform(name, name.begin(), ::toupper);
      const int status = ask(name, target, name == "POST" ? "{}" : "").status;
      EXPECT_TRUE(status == 200 || status == 400) << name << " " << path << ": " << status;
    }
}

TEST_F(ServerTest, WrongPathsAndMethods) {
  EXPECT_EQ(error_of(ask("GET", "/v1/nothing")), "404 invalid_request_error unknown_url");
  EXPECT_EQ(error_of(ask("POST", "/%2e%2e/etc/passwd", "x")),
            "404 invalid_request_error unknown_url");
  const RawReply get = ask("GET", kChat);
  EXPECT_EQ(error_of(get), "405 invalid_request_error null");
  EXPECT_EQ(get.header("allow"), "POST, OPTIONS");
  EXPECT_EQ(ask("DELETE", "/v1/models").header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask("BREW", "/v1/models").status, 405);
  const RawReply options = ask("OPTIONS", kChat);
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.header("allow"), "POST, OPTIONS");
  EXPECT_EQ(ask("OPTIONS", "*").status, 204);
}

TEST_F(ServerTest, HeadOfEveryGet) {
  for (const std::string path : {"/", "/health", "/v1/models", "/metrics", "/openapi.json"}) {
    RawClient client(server_->port());
    const auto head = client.ask("HEAD", path);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200) << path;
    EXPECT_GT(std::stoi("0" + std::string(head->header("content-length"))), 0) << path;
    EXPECT_EQ(client.ask("GET", path)->status, 200);
  }
}

TEST_F(ServerTest, BadBodiesAreTheClientsFault) {
  EXPECT_EQ(ask("POST", kChat, "{").status, 400);
  EXPECT_EQ(ask("POST", kChat).status, 400);
  EXPECT_EQ(ask("POST", "/v1/completions", "[]").status, 400);
  EXPECT_EQ(ask("POST", "/tokenize", "7").status, 400);
  const RawReply wrong = ask("POST", kChat, R"({"messages": [{"role": "user", "content": 7}]})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(Json::parse(wrong.body)["error"]["param"], "messages[0].content");
  EXPECT_EQ(error_of(ask("POST", kChat, chat_body(std::string(40'000, 'x')))),
            "400 invalid_request_error context_length_exceeded");
  // Neither URLs nor files are looked at where no flag allows it.
  for (const std::string url : {"http://127.0.0.1/x", "file:///etc/passwd", "/etc/passwd"}) {
    const Json body = {{"messages",
                        {{{"role", "user"},
                          {"content", {{{"type", "audio_url"}, {"audio_url", {{"url", url}}}}}}}}}};
    EXPECT_EQ(ask("POST", kChat, body.dump()).status, 400) << url;
  }
}

TEST_F(ServerTest, APageOfAnotherHostCannotPostAForm) {
  const std::string body = chat_body("hi");
  const std::string foreign = "Origin: https://evil.example\r\n";
  EXPECT_EQ(ask("POST", kChat, body, foreign + "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(ask("POST", kChat, body, foreign).status, 415);
  // One that is served here sends JSON.
  const RawReply own =
      ask("POST", kChat, body,
          "Origin: http://localhost\r\nContent-Type: application/json; charset=utf-8\r\n");
  EXPECT_EQ(own.status, 200);
  EXPECT_EQ(own.header("access-control-allow-origin"), "");
  EXPECT_EQ(ask("POST", kChat, body, "Content-Type: text/plain\r\n").status, 200);
}

TEST_F(ServerTest, ThePage) {
  const RawReply page = ask("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<html"));
  EXPECT_EQ(page.body, ask("GET", "/index.html").body);
  const std::string policy(page.header("content-security-policy"));
  EXPECT_THAT(policy, AllOf(HasSubstr("default-src 'self'"), Not(HasSubstr("unsafe"))));
  EXPECT_EQ(page.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(page.header("cache-control"), "no-cache");
  const std::string tag(page.header("etag"));
  EXPECT_EQ(ask("GET", "/", "", "If-None-Match: " + tag + "\r\n").status, 304);
  EXPECT_EQ(ask("GET", "/", "", "If-None-Match: W/" + tag + ", \"x\"\r\n").status, 304);
  EXPECT_EQ(ask("GET", "/", "", "If-None-Match: \"x\"\r\n").status, 200);
}

TEST_F(ServerTest, EveryFileOfThePageIsServedAsItIs) {
  ASSERT_GT(page_assets().size(), 1U);
  for (const Asset& asset : page_assets()) {
    const RawReply reply = ask("GET", "/" + std::string(asset.path));
    EXPECT_EQ(reply.status, 200) << asset.path;
    std::ifstream file(std::filesystem::path(STAPES_SOURCE_DIR) / "web/dist" / asset.path);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(reply.body == bytes) << asset.path;
    EXPECT_NE(reply.header("content-type"), "application/octet-stream") << asset.path;
  }
  EXPECT_EQ(ask("GET", "/assets/none.js").status, 404);
}

TEST_F(ServerTest, MetricsCountWhatHappened) {
  const auto value = [](const std::string& text, const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + name.size() + 2));
  };
  const std::string chats = R"(stapes_requests_total{code="200",endpoint="/v1/chat/completions"})";
  const std::string unknown = R"(stapes_requests_total{code="404",endpoint="other"})";
  ask("POST", kChat, chat_body("one"));
  ask("GET", "/not/here");
  const std::string before = ask("GET", "/metrics").body;
  ask("POST", kChat, chat_body("two"));
  ask("GET", "/nor/here");
  // A request is counted when its reply has been written, which the client may see before.
  std::string after;
  EXPECT_TRUE(comes_true([&] {
    after = ask("GET", "/metrics").body;
    return value(after, "stapes_connections") == 1 &&
           value(after, unknown) == value(before, unknown) + 1;
  }));
  EXPECT_EQ(value(after, chats), value(before, chats) + 1);
  EXPECT_EQ(value(after, unknown), value(before, unknown) + 1);
  EXPECT_GT(value(after, "stapes_generated_tokens_total"),
            value(before, "stapes_generated_tokens_total"));
  EXPECT_EQ(value(after, "stapes_time_to_first_token_seconds_count"),
            value(before, "stapes_time_to_first_token_seconds_count") + 1);
  EXPECT_GT(value(after, "stapes_kv_page_limit"), 0);
  EXPECT_EQ(value(after, "stapes_live_sequences"), 0);
  EXPECT_EQ(value(after, "stapes_queued_requests"), 0);
  EXPECT_EQ(value(after, "stapes_request_memory_bytes"), 0);
  EXPECT_EQ(value(after, "stapes_healthy"), 1);
  EXPECT_EQ(value(after, "stapes_connections"), 1);
}

TEST_F(ServerTest, ManyAtOnceAnswerAsAlone) {
  const std::string alone =
      Json::parse(ask("POST", kChat, chat_body("Which digits are spoken?")).body)["choices"].dump();
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&] {
      RawClient client(server_->port());
      for (int i = 0; i < 10; ++i) {
        const auto reply = client.ask("POST", kChat, chat_body("Which digits are spoken?"));
        if (reply && Json::parse(reply->body)["choices"].dump() == alone) ++right;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 60);
}

}  // namespace
}  // namespace stapes::serve
