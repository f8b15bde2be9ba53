// What both programs share: subcommands, exit statuses, and the one place where errors become
// sentences.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>

namespace stapes::cli {

struct Command {
  CLI::App* app;  // its flags, registered with the program
  std::function<int()>
      run;  // called when it was named on the command line; returns the exit status
};

// Registers a subcommand whose help begins with "Usage: PROGRAM NAME ARGUMENTS".
CLI::App* add_subcommand(CLI::App& program, const std::string& name, const std::string& arguments,
                         const std::string& description);

// Parses, runs the named command and returns the process's exit status: the command's own; that of
// the error's code (stapes/error.h) after "PROGRAM: sentence" on stderr; 64 for a wrong command
// line, and for none, after the help.
int run_program(CLI::App& program, std::span<const Command> commands, int argc, char** argv);

}  // namespace stapes::cli
