// serve_load STAPES MODEL [--clients N] [--seconds S] [--serve-flag F]...: starts `stapes serve
// MODEL F...` and asks it with many clients at once: sound and text, greedy and sampled, short and
// long, whole and in a stream; some leave in the middle, some read slowly, some send nonsense.
// Every answer must be the one that the same request got alone, and the memory must not grow. Exit
// status 1 otherwise.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "serve/testing/child_process.h"
#include "serve/testing/raw_client.h"

namespace {

using namespace stapes;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using serve::testing::RawClient;
using serve::testing::RawReply;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::string base64(const std::string& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (int k = 3; k >= 0; --k) text += kDigits[group >> (6 * k) & 63];
  }
  for (size_t i = bytes.size(); i % 3 != 0; ++i) text[text.size() - (i % 3 == 1 ? 2 : 1)] = '=';
  return text;
}

struct Case {
  std::string path;
  Json body;
  std::string expected;  // as `said` writes it
};

std::vector<Case> make_cases(const std::filesystem::path& samples, int count) {
  std::vector<std::string> sounds;
  for (const auto& file : std::filesystem::directory_iterator(samples))
    if (file.path().extension() == ".wav") sounds.push_back(base64(read_file(file.path())));
  std::ranges::sort(sounds);
  const std::vector<std::string> questions = {
      "Which digits are spoken?", "How many digits are spoken?", "What is the sum of the digits?",
      "How many notes are there?", "Does the loudness rise or fall?"};
  Rng rng(7);
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.next() % n); };
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    Case one;
    const bool chat = i % 5 != 4;
    one.path = chat ? "/v1/chat/completions" : "/v1/completions";
    one.body["max_tokens"] = 4 + below(i % 4 == 0 ? 300 : 60);
    one.body["temperature"] = i % 2 == 0 ? 0.0 : 0.9;
    one.body["seed"] = i;
    one.body["n"] = i % 6 == 0 ? 3 : 1;
    const std::string question = questions[below(questions.size())];
    if (chat) {
      Json content = Json::array({{{"type", "text"}, {"text", question}}});
      for (size_t k = below(3); k > 0; --k)
        content.push_back(
            {{"type", "input_audio"},
             {"input_audio", {{"data", sounds[below(sounds.size())]}, {"format", "wav"}}}});
      one.body["messages"] = Json::array({{{"role", "user"}, {"content", content}}});
    } else {
      one.body["prompt"] = {question, "First I hear"};
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

// The words of one choice, from whole messages and from deltas alike.
struct Choice {
  std::string thinking;
  std::string answer;
  std::string finish;
};

void add(const Json& choice, std::map<int, Choice>& choices) {
  Choice& sum = choices[choice.at("index").get<int>()];
  const auto append = [](const Json& from, const char* key, std::string& to) {
    if (from.contains(key) && from[key].is_string()) to += from[key].get<std::string>();
  };
  for (const char* part : {"message", "delta"}) {
    if (!choice.contains(part)) continue;
    append(choice[part], "reasoning_content", sum.thinking);
    append(choice[part], "content", sum.answer);
  }
  append(choice, "text", sum.answer);
  append(choice, "finish_reason", sum.finish);
}

std::string said(const std::map<int, Choice>& choices) {
  std::string text;
  for (const auto& [index, choice] : choices)
    text += fmt::format("{}: {} | {} | {}\n", index, choice.thinking, choice.answer, choice.finish);
  return text;
}

std::string said_in_whole(const std::string& body) {
  std::map<int, Choice> choices;
  const Json whole = Json::parse(body);
  for (const Json& choice : whole.at("choices")) add(choice, choices);
  return said(choices);
}

std::string said_in_stream(const std::string& body) {
  std::map<int, Choice> choices;
  bool done = false;
  for (size_t begin = 0; begin < body.size();) {
    if (body[begin] == '\n') {  // a sign of life
      ++begin;
      continue;
    }
    const size_t end = std::min(body.find("\n\n", begin), body.size());
    const std::string event = body.substr(begin, end - begin);
    begin = end + 2;
    if (event == "data: [DONE]") {
      done = true;
      continue;
    }
    const Json chunk = Json::parse(event.substr(6));
    for (const Json& choice : chunk.at("choices")) add(choice, choices);
  }
  return done ? said(choices) : "the stream has no end";
}

struct Counts {
  std::atomic<int64_t> right = 0, wrong = 0, left = 0, slow = 0, nonsense = 0, refused = 0;
  std::mutex mutex;
  std::vector<double> total_ms;
};

class LoadClient {
 public:
  LoadClient(uint16_t port, std::span<const Case> cases, uint64_t number, Counts& counts)
      : port_(port), cases_(cases), rng_(number), counts_(counts) {}

  void run(Clock::time_point end) {
    while (Clock::now() < end) {
      try {
        RawClient client(port_, slow_ ? 4096 : 0);
        for (int i = 0; i < 5 && Clock::now() < end; ++i)
          if (!act(client)) break;
        slow_ = below(8) == 0;
      } catch (const std::exception& error) {
        fail_with(error.what(), "");
      }
    }
  }

 private:
  size_t below(size_t n) { return static_cast<size_t>(rng_.next() % n); }

  void fail_with(const std::string& what, const std::string& more) {
    if (++counts_.wrong <= 5) fmt::print(stderr, "WRONG: {}\n{}\n", what, more);
  }

  static std::string request(const Case& one, bool stream) {
    Json body = one.body;
    body["stream"] = stream;
    const std::string text = body.dump();
    return fmt::format("POST {} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", one.path,
                       text.size(), text);
  }

  // False: the connection is over.
  bool act(RawClient& client) {
    const Case& one = cases_[below(cases_.size())];
    const bool stream = below(2) == 0;
    switch (below(10)) {
      case 0:
        client.send(request(one, stream));
        return leave(client);
      case 1:
        return send_nonsense(client);
      default:
        return ask(client, one, stream || slow_);
    }
  }

  bool leave(RawClient& client) {
    if (below(2) == 0) client.read_some(std::chrono::milliseconds(below(40)));
    ++counts_.left;
    below(2) == 0 ? client.reset() : client.close();
    return false;
  }

  bool send_nonsense(RawClient& client) {
    ++counts_.nonsense;
    const std::string bodies[] = {"{", R"({"messages": 7})", R"({"messages": []})", "\xff"};
    const auto reply = client.ask("POST", "/v1/chat/completions", bodies[below(4)]);
    if (!reply || reply->status != 400)
      fail_with("a bad body got no 400", reply ? reply->body : "nothing");
    return reply.has_value();
  }

  bool ask(RawClient& client, const Case& one, bool stream) {
    const Clock::time_point begin = Clock::now();
    client.send(request(one, stream));
    if (slow_) {
      ++counts_.slow;
      std::this_thread::sleep_for(std::chrono::milliseconds(below(300)));
    }
    const std::optional<RawReply> reply = client.read_reply();
    if (!reply || !reply->whole) {
      fail_with("an answer was cut", one.body.dump().substr(0, 500));
      return false;
    }
    if (reply->status == 429) {
      ++counts_.refused;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      return true;
    }
    if (reply->status != 200) {
      fail_with(fmt::format("status {}", reply->status), reply->body);
      return true;
    }
    const std::string words = stream ? said_in_stream(reply->body) : said_in_whole(reply->body);
    if (words != one.expected) {
      fail_with("another answer than alone", "alone: " + one.expected + "now: " + words);
    } else {
      ++counts_.right;
    }
    const std::scoped_lock lock(counts_.mutex);
    counts_.total_ms.push_back(milliseconds_since(begin));
    return true;
  }

  const uint16_t port_;
  const std::span<const Case> cases_;
  Rng rng_;
  Counts& counts_;
  bool slow_ = false;
};

// A value of /metrics; -1 where it is not there.
double metric(uint16_t port, const std::string& name) {
  RawClient client(port);
  const std::string text = client.ask("GET", "/metrics").value_or(RawReply()).body;
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

double resident_mib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}

struct Options {
  std::string program;
  std::string model;
  std::string samples = "samples";
  std::vector<std::string> flags;
  int clients = 64;
  int cases = 40;
  double seconds = 120;
};

struct Memory {
  double early_mib = 0;  // after a third of the time
  double last_mib = 0;
};

Memory run_clients(const Options& options, uint16_t port, pid_t pid, std::span<const Case> cases,
                   Counts& counts) {
  const Clock::time_point begin = Clock::now();
  const auto after = [&](double seconds) {
    return begin +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < options.clients; ++i)
    threads.emplace_back([&, i] {
      LoadClient(port, cases, static_cast<uint64_t>(i) + 1, counts).run(after(options.seconds));
    });
  Memory memory;
  for (int third = 1; third <= 3; ++third) {
    std::this_thread::sleep_until(after(options.seconds * third / 3));
    memory.last_mib = resident_mib(pid);
    if (third == 1) memory.early_mib = memory.last_mib;
    fmt::print("{:6.0f} s: {} right, {} wrong, {:.1f} MiB\n", milliseconds_since(begin) / 1000,
               counts.right.load(), counts.wrong.load(), memory.last_mib);
  }
  for (std::thread& thread : threads) thread.join();
  return memory;
}

bool becomes_idle(uint16_t port) {
  for (int i = 0; i < 200; ++i) {
    if (metric(port, "stapes_live_sequences") == 0 && metric(port, "stapes_queued_requests") == 0 &&
        metric(port, "stapes_request_memory_bytes") == 0)
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

int run(const Options& options) {
  std::string command = fmt::format("exec {} serve {} --port 0", options.program, options.model);
  for (const std::string& flag : options.flags) command += " " + flag;
  serve::testing::ChildProcess server("export STAPES_LOG=warn; " + command + " 2>&1");
  const std::string line = server.read_line_with("http://127.0.0.1:");
  if (line.empty()) {
    fmt::print(stderr, "serve_load: the server did not start: {}\n", command);
    return 1;
  }
  const auto port = static_cast<uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  std::thread log([&] {  // what it says meanwhile, so that its pipe does not fill up
    for (std::string said = server.read_line_with(""); !said.empty();
         said = server.read_line_with(""))
      if (said.find("error") != std::string::npos) fmt::print(stderr, "server: {}\n", said);
  });

  std::vector<Case> cases = make_cases(options.samples, options.cases);
  for (Case& one : cases) {
    RawClient client(port);
    const auto reply = client.ask("POST", one.path, one.body.dump());
    if (!reply || reply->status != 200) {
      fmt::print(stderr, "serve_load: alone: {}\n", reply ? reply->body : "no reply");
      std::exit(1);
    }
    one.expected = said_in_whole(reply->body);
  }
  Counts counts;
  const Memory memory = run_clients(options, port, server.pid(), cases, counts);
  const bool idle = becomes_idle(port);
  const double tokens = metric(port, "stapes_generated_tokens_total");
  server.stop();
  log.join();

  std::ranges::sort(counts.total_ms);
  const auto quantile = [&](double q) {
    return counts.total_ms.empty() ? 0.0
                                   : counts.total_ms[static_cast<size_t>(
                                         q * static_cast<double>(counts.total_ms.size() - 1))];
  };
  fmt::print(
      "{} clients, {:.0f} s: {} right, {} wrong; {} left, {} read slowly, {} sent nonsense, {} "
      "were "
      "told to come back\n"
      "an answer took {:.0f} ms (median), {:.0f} ms (95 %); {:.0f} tokens/s in all\n"
      "memory {:.1f} MiB after a third of the time, {:.1f} MiB at the end; idle afterwards: {}\n",
      options.clients, options.seconds, counts.right.load(), counts.wrong.load(),
      counts.left.load(), counts.slow.load(), counts.nonsense.load(), counts.refused.load(),
      quantile(0.5), quantile(0.95), tokens / options.seconds, memory.early_mib, memory.last_mib,
      idle ? "yes" : "NO");
  const bool flat = memory.last_mib <= memory.early_mib * 1.1 + 8;
  if (!flat) fmt::print("THE MEMORY GREW\n");
  return counts.wrong == 0 && counts.right > 0 && idle && flat ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Asks stapes serve with many clients at once.", "serve_load");
  app.add_option("STAPES", options.program, "The program")->required();
  app.add_option("MODEL", options.model, "The model")->required();
  app.add_option("--samples", options.samples, "Folder of .wav files");
  app.add_option("--clients", options.clients, "At once (default 64)");
  app.add_option("--cases", options.cases, "Different requests (default 40)");
  app.add_option("--seconds", options.seconds, "How long (default 120)");
  app.add_option("--serve-flag", options.flags, "For stapes serve (may be given again)")
      ->allow_extra_args(false);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    app.parse(argc, argv);
    return run(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    fmt::print(stderr, "serve_load: {}\n", error.what());
    return 1;
  }
}
