// stapes chat: a conversation of several turns on the terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fail.h"
#include "cli/answer_printer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/sounds.h"
#include "stapes/engine.h"

namespace stapes::cli {
namespace {

struct ChatOptions {
  std::vector<std::string> files;  // heard with the first turn
  ModelFlag model;
  EngineFlags engine;
  SamplingFlags sampling;
};

constexpr const char* kCommands =
    "/audio FILE  hear this sound with the next question\n"
    "/reset       forget the conversation and its sounds\n"
    "/help        this list\n"
    "/quit        leave (so does the end of the input)\n";
constexpr std::string_view kAudioCommand = "/audio ";

class Conversation {
 public:
  Conversation(const Engine& engine, const SamplingOptions& sampling) : engine_(engine) {
    request_.sampling = sampling;
  }

  void attach(const std::string& file) {
    pending_.push_back(load_sound(file, request_.clips));
    fmt::print(stderr, "stapes: {} ({:.1f} s) will be heard with the next question\n", file,
               pending_.back().seconds);
  }

  void reset() {
    request_.messages.clear();
    request_.clips.clear();
    pending_.clear();
  }

  // Asks and shows the answer. A turn that fails or is stopped is not part of the conversation;
  // its sounds stay attached.
  void ask(const std::string& question) {
    check_question(question);
    request_.messages.push_back(user_turn(pending_, question));
    try {
      const Result result = generate();
      if (result.finish == FinishReason::kCancelled)
        fail(ErrorCode::kCancelled, "stopped; this turn is not part of the conversation");
      request_.messages.push_back(assistant_turn(result));
      pending_.clear();
    } catch (...) {
      request_.messages.pop_back();
      throw;
    }
  }

 private:
  // As the model wrote it; the chat format takes the thinking out of earlier turns.
  static ChatMessage assistant_turn(const Result& result) {
    const std::string text =
        fmt::format("<think>\n{}\n</think>\n{}", result.thinking, result.answer);
    return {.role = "assistant", .parts = {ContentPart::of_text(text)}};
  }

  Result generate() const {
    const InterruptGuard interrupt;
    AnswerPrinter printer(stdout_is_terminal());
    Result result = engine_.generate(request_, [&](const Delta& delta) {
      printer.print(delta);
      return !interrupt.interrupted();
    });
    printer.finish();
    return result;
  }

  const Engine& engine_;
  Request request_;
  std::vector<Sound> pending_;  // of the next turn; their clips are already in the request
};

// Returns false to leave.
bool obey(const std::string& line, Conversation& conversation) {
  if (line == "/quit") return false;
  if (line == "/reset") {
    conversation.reset();
  } else if (line == "/help") {
    fmt::print(stderr, "{}", kCommands);
  } else if (line.starts_with(kAudioCommand)) {
    conversation.attach(line.substr(kAudioCommand.size()));
  } else if (line.starts_with('/')) {
    fail(ErrorCode::kUsage, "expected /audio FILE, /reset, /help or /quit, got {}", line);
  } else {
    conversation.ask(line);
  }
  return true;
}

int run_chat(const ChatOptions& options) {
  const bool interactive = ::isatty(STDIN_FILENO) == 1;
  const Engine engine = Engine::open(options.model.path(), options.engine.options());
  Conversation conversation(engine, options.sampling.over(engine.default_sampling()));
  for (const std::string& file : options.files) conversation.attach(file);
  if (interactive) fmt::print(stderr, "{}", kCommands);
  std::string line;
  for (;;) {
    if (interactive) fmt::print(stderr, "\n> ");
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    try {
      if (!obey(line, conversation)) return 0;
    } catch (const Error& error) {
      // A person tries again; a script wants to know.
      if (!interactive) throw;
      fmt::print(stderr, "stapes: {}\n", error.what());
    }
  }
  if (interactive) fmt::print(stderr, "\n");
  return 0;
}

}  // namespace

Command add_chat_command(CLI::App& program) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* app = add_subcommand(program, "chat", "[OPTIONS] [FILE...]",
                                 "Talk about recordings in several turns");
  app->add_option("FILE", options->files, "Sound files that the first question is about");
  options->model.add_to(*app);
  options->sampling.add_to(*app);
  options->engine.add_to(*app);
  app->footer(std::string("Lines of standard input are questions, or:\n") + kCommands +
              "Ctrl-C stops an answer; at the prompt it leaves.");
  return {app, [options] { return run_chat(*options); }};
}

}  // namespace stapes::cli
