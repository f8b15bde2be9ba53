// The examples of docs/http-protocol.md that show bytes: sent to a real server, and compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "serve/testing/served.h"

namespace stapes::serve {
namespace {

using testing::RawClient;
using testing::RawReply;

struct Example {
  std::string server;  // "", "keys" or "cors"
  std::string request;
  std::string reply;
};

// What stands between the fences after `mark`, from `at` on.
std::string fenced_after(const std::string& page, size_t at) {
  const size_t begin = page.find("```http\n", at) + 8;
  return page.substr(begin, page.find("\n```", begin) + 1 - begin);
}

std::vector<Example> examples() {
  const std::string page =
      read_file(std::filesystem::path(STAPES_SOURCE_DIR) / "docs/http-protocol.md");
  const std::string mark = "<!-- wire request";
  std::vector<Example> examples;
  for (size_t at = page.find(mark); at != std::string::npos; at = page.find(mark, at + 1)) {
    Example example;
    const size_t name = at + mark.size();
    example.server = page.substr(name, page.find(" -->", name) - name);
    example.request = fenced_after(page, at);
    example.reply = fenced_after(page, page.find("<!-- wire reply -->", at));
    examples.push_back(std::move(example));
  }
  return examples;
}

// `pattern` with "…" for anything.
bool fits(std::string_view text, std::string_view pattern) {
  static const std::string anything = "…";
  size_t mark = pattern.find(anything);
  if (mark == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, mark))) return false;
  text.remove_prefix(mark);
  while (true) {
    pattern.remove_prefix(mark + anything.size());
    mark = pattern.find(anything);
    if (mark == std::string_view::npos) return text.ends_with(pattern);
    const size_t at = text.find(pattern.substr(0, mark));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + mark);
  }
}

// The head with the line ends of HTTP, the body as it stands.
std::string on_the_wire(const std::string& example) {
  const size_t end = example.find("\n\n");
  std::string wire;
  for (const char c : example.substr(0, end + 2))
    wire += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::string body = example.substr(end + 2);
  if (!body.empty()) body.pop_back();
  return wire + body;
}

void expect_like(const RawReply& reply, const std::string& example) {
  const size_t end = example.find("\n\n");
  std::istringstream head(example.substr(0, end));
  std::string line;
  std::getline(head, line);
  EXPECT_TRUE(line.starts_with("HTTP/1.1 " + std::to_string(reply.status) + " ")) << line;
  while (std::getline(head, line)) {
    const size_t colon = line.find(": ");
    EXPECT_TRUE(fits(reply.header(line.substr(0, colon)), line.substr(colon + 2)))
        << line << " is " << reply.header(line.substr(0, colon));
  }
  std::string body = example.substr(std::min(end + 2, example.size()));
  if (!body.empty()) body.pop_back();
  EXPECT_TRUE(fits(reply.body, body)) << reply.body << "\nis not\n" << body;
}

TEST(ProtocolPage, ExamplesOfBytesAreTrue) {
  ASSERT_GE(examples().size(), 6U);
  for (const Example& example : examples()) {
    SCOPED_TRACE(example.request);
    ServeOptions options = testing::on_any_port();
    options.model_id = "tiny";
    if (example.server == " keys") options.keys = ApiKeys({"right"});
    if (example.server == " cors") options.cors_origins = {"https://app.example"};
    const Server server(testing::open_engine(testing::tiny_model()), options);
    RawClient client(server.port());
    client.send(on_the_wire(example.request));
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply);
    expect_like(*reply, example.reply);
  }
}

TEST(ProtocolPage, LimitsAreThoseOfThePage) {
  const std::string page =
      read_file(std::filesystem::path(STAPES_SOURCE_DIR) / "docs/http-protocol.md");
  const ServeOptions options;
  const auto says = [&](const std::string& line) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  };
  const auto in_seconds = [](std::chrono::milliseconds time) {
    return std::to_string(time.count() / 1000) + " s";
  };
  const HttpOptions& http = options.http;
  says("| request line and headers | " + std::to_string(http.read.header_bytes >> 10) + " KiB, " +
       std::to_string(http.read.header_count) + " headers | 431 |");
  says("| connections | `--max-connections`, " + std::to_string(http.max_connections));
  says("| time for headers, for a body | " + in_seconds(http.head_time) + ", " +
       in_seconds(http.body_time) + " | 408 |");
  says("| time without a request | " + in_seconds(http.idle_time) + ", in a new connection " +
       in_seconds(http.head_time) + " |");
  says("| requests sent in advance | " + std::to_string(http.max_unread_bytes >> 10) + " KiB |");
  says("together | " + std::to_string(http.max_request_bytes >> 30) + " GiB | 429 |");
  says("read and decoded | " + std::to_string(options.max_waiting_work) + " | 429 |");
  says("`--max-queue`, " + std::to_string(EngineOptions().max_queued_requests) + " |");
  says("not taken within " + in_seconds(http.write_time));
  says("nothing to say for " + in_seconds(http.sign_of_life_time));
  says("takes " + in_seconds(options.fetch.time) + " at most, and " +
       std::to_string(options.fetch.at_once) + " are fetched at once");
  says("`--max-audio-seconds`, " +
       std::to_string(static_cast<int>(options.audio.max_audio_seconds)) + " s");
}

}  // namespace
}  // namespace stapes::serve
