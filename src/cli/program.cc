#include "cli/program.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <utility>

#include "base/log.h"
#include "stapes/error.h"

namespace stapes::cli {
namespace {

constexpr int kInternalErrorStatus = 70;
constexpr int kOutOfMemoryStatus = 71;

// CLI11 words the usage line by itself and gets trailing positionals wrong, so each command says
// its own.
class UsageFormatter : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string arguments) : arguments_(std::move(arguments)) {
    column_width(34);
  }
  std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
    return fmt::format("Usage: {} {} {}\n", app->get_parent()->get_name(), app->get_name(),
                       arguments_);
  }

 private:
  std::string arguments_;
};

int report(const CLI::App& program, const std::string& sentence, int status) {
  fmt::print(stderr, "{}: {}\n", program.get_name(), sentence);
  return status;
}

int run_named_command(CLI::App& program, std::span<const Command> commands) {
  for (const Command& command : commands)
    if (command.app->parsed()) return command.run();
  fmt::print(stderr, "{}", program.help());
  return exit_status(ErrorCode::kUsage);
}

}  // namespace

CLI::App* add_subcommand(CLI::App& program, const std::string& name, const std::string& arguments,
                         const std::string& description) {
  CLI::App* app = program.add_subcommand(name, description);
  app->formatter(std::make_shared<UsageFormatter>(arguments));
  return app;
}

int run_program(CLI::App& program, std::span<const Command> commands, int argc, char** argv) {
  // A filter whose reader has gone ends quietly, even where the parent ignores the signal.
  std::signal(SIGPIPE, SIG_DFL);
  start_log();
  // One command: after its name, an argument that is called like another one is an argument.
  program.require_subcommand(0, 1);
  try {
    program.parse(argc, argv);
    return run_named_command(program, commands);
  } catch (const CLI::Success& help_or_version) {
    return program.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    return report(program, fmt::format("{} (see --help)", error.what()),
                  exit_status(ErrorCode::kUsage));
  } catch (const Error& error) {
    return report(program, error.what(), exit_status(error.code()));
  } catch (const std::bad_alloc&) {
    return report(program, "not enough memory", kOutOfMemoryStatus);
  } catch (const std::exception& error) {
    return report(program, fmt::format("unexpected: {}", error.what()), kInternalErrorStatus);
  }
}

}  // namespace stapes::cli
