// stapes serve: the HTTP server.
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/service_manager.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/stop_signals.h"
#include "serve/request_log.h"
#include "serve/server.h"
#include "stapes/engine.h"

namespace stapes::cli {
namespace {

namespace fs = std::filesystem;

struct ServeFlags {
  ModelFlag model;
  EngineFlags engine;
  serve::ServeOptions server;
  std::string model_name;
  std::string reasoning_format = "reasoning_content";
  std::string api_key_file;
  std::string file_audio_root;
  std::optional<int64_t> max_queue;
  int64_t max_body_mib = 64;
  bool private_urls = false;
  bool log_json = false;
};

// "models/tiny" is tiny, "big.q4_0.gguf" is big.q4_0.
std::string name_of(const fs::path& model) {
  const fs::path path = fs::weakly_canonical(model);
  return path.extension() == ".gguf" ? path.stem().string() : path.filename().string();
}

// Each client is an open file; the usual limit of 1,024 is low.
void allow_many_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Requests are logged unless STAPES_LOG says something else.
void set_up_log(bool json) {
  if (std::getenv("STAPES_LOG") == nullptr) spdlog::set_level(spdlog::level::info);
  if (json) serve::log_as_json();
}

serve::ReasoningFormat reasoning_format_of(const std::string& name) {
  if (name == "content") return serve::ReasoningFormat::kInContent;
  if (name == "hidden") return serve::ReasoningFormat::kHidden;
  return serve::ReasoningFormat::kReasoningContent;
}

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

serve::ServeOptions options_of(const ServeFlags& flags, const fs::path& model) {
  serve::ServeOptions options = flags.server;
  options.version = STAPES_VERSION;
  options.model_id = flags.model_name.empty() ? name_of(model) : flags.model_name;
  options.reasoning_format = reasoning_format_of(flags.reasoning_format);
  if (!flags.api_key_file.empty()) options.keys = serve::ApiKeys::load(flags.api_key_file);
  const int64_t max_body_bytes = flags.max_body_mib << 20;
  options.http.read.body_bytes = static_cast<uint64_t>(max_body_bytes);
  options.audio.max_clip_bytes = max_body_bytes;
  options.fetch.max_bytes = max_body_bytes;
  options.fetch.allow_private = flags.private_urls;
  options.audio.allow_urls |= flags.private_urls;
  if (!flags.file_audio_root.empty()) {
    options.audio.allow_files = true;
    options.audio.file_root = fs::canonical(flags.file_audio_root);
  }
  // Those that wait for a slow host keep no thread from those that only decode.
  if (options.audio.allow_urls) options.workers += options.fetch.at_once;
  return options;
}

void announce(const serve::Server& server, const serve::ServeOptions& options,
              const fs::path& model, bool json) {
  const std::string url = server.url();
  if (json) {
    spdlog::info("serving {} at {}", options.model_id, url);
    return;
  }
  const std::string key = options.keys.empty() ? "" : " -H 'authorization: Bearer KEY'";
  fmt::print(stderr,
             "stapes: serving {} ({}, loaded in {:.0f} ms) at {}\n"
             "stapes: open that page in a browser, or ask\n"
             "  curl {}/v1/chat/completions{} -H 'content-type: application/json' \\\n"
             "    -d '{{\"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n"
             "stapes: Ctrl-C ends it\n",
             options.model_id, model.string(), server.engine().load_ms(), url, url, key);
  if (options.keys.empty() && !is_this_machine(options.http.host))
    fmt::print(stderr, "stapes: whoever reaches {} may ask; --api-key-file FILE asks for a key\n",
               options.http.host);
}

int run_until_signalled(serve::Server& server, StopSignals& signals) {
  const ServiceManager manager = ServiceManager::from_environment();
  const SignsOfLife signs(manager, [&server] { return server.healthy(); });
  manager.ready(fmt::format("serving at {}", server.url()));
  signals.wait();
  manager.stopping("ending what has begun");
  const EngineCounters counters = server.engine().counters();
  spdlog::info("ending: {} requests wait and {} answers are written; again stops at once",
               counters.queued_requests, counters.live_sequences);
  server.drain([&] { signals.report_done(); });
  const bool drained = signals.wait() == StopSignals::News::kDone;
  server.stop();
  return drained ? 0 : exit_status(ErrorCode::kCancelled);
}

int run_serve(const ServeFlags& flags) {
  std::signal(SIGPIPE, SIG_IGN);  // who has read the log may go
  set_up_log(flags.log_json);
  allow_many_open_files();
  const fs::path model = flags.model.path();
  const serve::ServeOptions options = options_of(flags, model);
  EngineOptions engine_options = flags.engine.options();
  if (flags.max_queue) engine_options.max_queued_requests = *flags.max_queue;
  Engine engine = Engine::open(model, engine_options);
  StopSignals signals;  // before anybody can ask
  serve::Server server(std::move(engine), options);
  announce(server, options, model, flags.log_json);
  return run_until_signalled(server, signals);
}

void add_server_flags(CLI::App& app, ServeFlags& flags) {
  serve::ServeOptions& server = flags.server;
  app.add_option("--host", server.http.host, "Address to listen on (default 127.0.0.1)")
      ->type_name("HOST");
  app.add_option("--port", server.http.port, "Port (default 9999); 0: any that is free")
      ->type_name("N")
      ->check(CLI::Range(0, 65535).description(""));
  app.add_option("--model-name", flags.model_name,
                 "What the model is called in replies (default: its folder's or file's name)")
      ->type_name("NAME");
  app.add_option("--api-key-file", flags.api_key_file,
                 "Ask for one of the keys in FILE (one a line)")
      ->type_name("FILE");
  app.add_option("--cors", server.cors_origins,
                 "Let pages of this origin ask (*: of every one; may be given again)")
      ->type_name("ORIGIN")
      ->allow_extra_args(false);
  app.add_option("--max-body", flags.max_body_mib, "Largest request (default 64)")
      ->type_name("MIB")
      ->check(CLI::Range(1, 1024).description(""));
  app.add_option("--max-audio-seconds", server.audio.max_audio_seconds,
                 "Longest sound of a request, all clips together (default 3600)")
      ->type_name("S")
      ->check(CLI::Range(1, 1'000'000).description(""));
  app.add_option("--reasoning-format", flags.reasoning_format,
                 "Where thinking appears if a request does not say: reasoning_content (default),\n"
                 "content or hidden")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"reasoning_content", "content", "hidden"}).description(""));
  app.add_option("--default-max-tokens", server.default_max_tokens,
                 "Longest answer, thinking included, if a request does not say (default 4096)")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 30).description(""));
  app.add_option("--max-queue", flags.max_queue,
                 "Requests that may wait (default 256); more are told to come back")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000).description(""));
  app.add_option("--max-connections", server.http.max_connections,
                 "Clients that may be connected (default 1024)")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000).description(""));
  app.add_flag("--allow-url-audio", server.audio.allow_urls,
               "Fetch sounds that requests name by http(s) URL, from the public internet");
  app.add_flag("--allow-private-url-audio", flags.private_urls,
               "The same, from this machine and its networks, too");
  app.add_option("--allow-file-audio", flags.file_audio_root,
                 "Read sounds that requests name by path, below DIR")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory.description(""));
  app.add_flag("--log-json", flags.log_json, "Log as one JSON object a line");
}

}  // namespace

Command add_serve_command(CLI::App& program) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* app = add_subcommand(program, "serve", "[OPTIONS] [MODEL]",
                                 "Serve a model: OpenAI's HTTP protocol, and a page");
  flags->model.add_to(*app, /*positional=*/true);
  add_server_flags(*app, *flags);
  flags->engine.add_to(*app);
  app->footer(
      "The page, /health and its files are open; all else asks for a key where there are keys.\n"
      "Requests are logged on standard error, without their text and sound (STAPES_LOG=warn: only\n"
      "what goes wrong). Ctrl-C or SIGTERM ends what has begun and then the server; a second one\n"
      "stops at once. docs/http-protocol.md describes requests, limits and statuses.\n"
      "Exit status: 0, or 64 wrong command line, 65 bad model, 66 not found, 74 cannot listen,\n"
      "130 stopped at once.");
  return {app, [flags] { return run_serve(*flags); }};
}

}  // namespace stapes::cli
