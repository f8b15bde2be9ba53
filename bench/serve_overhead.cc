// serve_overhead STAPES MODEL [--streams N] [--tokens T] [--rounds R]: what HTTP, JSON and
// server-sent events cost. The same requests go to an engine in this process and, over a socket, to
// `stapes serve MODEL`, in turns; medians of the rounds.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "serve/testing/child_process.h"
#include "serve/testing/raw_client.h"
#include "stapes/engine.h"

namespace {

using namespace stapes;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using serve::testing::RawClient;

struct Options {
  std::string program;
  std::string model;
  int streams = 16;
  int tokens = 128;
  int rounds = 3;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Every round asks something new: nothing comes from the prefix cache.
std::string question(int round, int stream) {
  std::string text = fmt::format("{} {}: ", round, stream);
  for (int i = 0; i < 20; ++i)
    text += std::to_string((round * 31 + stream * 17 + i * 7) % 100) + " ";
  return text;
}

Request native_request(const Options& options, int round, int stream, int tokens) {
  Request request;
  request.messages = {{"user", {ContentPart::of_text(question(round, stream))}}};
  request.sampling.temperature = 1;
  request.sampling.seed = static_cast<uint64_t>(round * options.streams + stream);
  request.sampling.max_tokens = tokens;
  return request;
}

std::string http_request(const Options& options, int round, int stream, int tokens) {
  const Json body = {{"messages", {{{"role", "user"}, {"content", question(round, stream)}}}},
                     {"temperature", 1},
                     {"seed", round * options.streams + stream},
                     {"max_tokens", tokens},
                     {"stream", true},
                     {"stream_options", {{"include_usage", true}}}};
  const std::string text = body.dump();
  return fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", text.size(),
      text);
}

// Tokens per second of all streams together.
double native_rate(const Engine& engine, const Options& options, int round) {
  const Clock::time_point begin = Clock::now();
  std::vector<AnswerStream> streams;
  for (int i = 0; i < options.streams; ++i)
    streams.push_back(engine.submit(native_request(options, round, i, options.tokens)));
  int64_t tokens = 0;
  for (AnswerStream& stream : streams) {
    while (stream.next()) {
    }
    const Usage usage = stream.result().usage;
    tokens += usage.thinking_tokens + usage.answer_tokens;
  }
  return static_cast<double>(tokens) / seconds_since(begin);
}

int64_t tokens_of(const std::string& events) {
  const size_t usage = events.rfind("\"completion_tokens\":");
  return usage == std::string::npos ? 0 : std::stoll(events.substr(usage + 20));
}

double http_rate(uint16_t port, const Options& options, int round) {
  const Clock::time_point begin = Clock::now();
  std::vector<RawClient> clients;
  for (int i = 0; i < options.streams; ++i) {
    clients.emplace_back(port);
    clients.back().send(http_request(options, round, i, options.tokens));
  }
  std::vector<int64_t> tokens(clients.size());
  std::vector<std::thread> readers;
  for (size_t i = 0; i < clients.size(); ++i)
    readers.emplace_back([&, i] {
      const auto reply = clients[i].read_reply();
      if (reply) tokens[i] = tokens_of(reply->body);
    });
  int64_t all = 0;
  for (size_t i = 0; i < readers.size(); ++i) {
    readers[i].join();
    all += tokens[i];
  }
  return static_cast<double>(all) / seconds_since(begin);
}

double native_first_ms(const Engine& engine, const Options& options, int round) {
  const Clock::time_point begin = Clock::now();
  AnswerStream stream = engine.submit(native_request(options, round, 0, 8));
  stream.next();
  return seconds_since(begin) * 1e3;
}

double http_first_ms(uint16_t port, const Options& options, int round) {
  RawClient client(port);
  const Clock::time_point begin = Clock::now();
  client.send(http_request(options, round, 0, 8));
  client.read_until("ontent\":\"");
  const double ms = seconds_since(begin) * 1e3;
  client.read_until("[DONE]");
  return ms;
}

int run(const Options& options) {
  serve::testing::ChildProcess server(fmt::format(
      "export STAPES_LOG=warn; exec {} serve {} --port 0 2>&1", options.program, options.model));
  const std::string line = server.read_line_with("http://127.0.0.1:");
  const size_t at = line.find("127.0.0.1:");
  if (at == std::string::npos) {
    fmt::print(stderr, "serve_overhead: the server did not start\n");
    return 1;
  }
  const auto port = static_cast<uint16_t>(std::stoi(line.substr(at + 10)));
  const Engine engine = Engine::open(options.model);
  native_rate(engine, options, 1000);
  http_rate(port, options, 1000);

  std::vector<double> native, http, native_first, http_first;
  for (int round = 0; round < options.rounds; ++round) {
    native.push_back(native_rate(engine, options, round));
    http.push_back(http_rate(port, options, round));
    fmt::print("round {}: engine {:.1f} tok/s, over HTTP {:.1f} tok/s\n", round, native.back(),
               http.back());
    for (int i = 0; i < 5; ++i) {
      native_first.push_back(native_first_ms(engine, options, 2000 + round * 5 + i));
      http_first.push_back(http_first_ms(port, options, 2000 + round * 5 + i));
    }
  }
  fmt::print(
      "{} streams: engine {:.1f} tok/s, over HTTP {:.1f} tok/s, {:.1f} % less\n"
      "first token: engine {:.2f} ms, over HTTP {:.2f} ms, {:.2f} ms more\n",
      options.streams, median(native), median(http), 100 * (1 - median(http) / median(native)),
      median(native_first), median(http_first), median(http_first) - median(native_first));
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("What HTTP costs");
  app.add_option("STAPES", options.program)->required();
  app.add_option("MODEL", options.model)->required();
  app.add_option("--streams", options.streams)->check(CLI::Range(1, 64));
  app.add_option("--tokens", options.tokens)->check(CLI::Range(1, 4096));
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);
  return run(options);
} catch (const std::exception& error) {
  fmt::print(stderr, "serve_overhead: {}\n", error.what());
  return 1;
}
