// A shell command fed with a text and read to its end, within limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace stapes::reward {

struct CommandResult {
  std::string output;   // of standard output, as far as it came
  std::string failure;  // empty: it ended with status 0; else what went wrong, in words
};

// Runs `/bin/sh -c command` in a process group of its own; standard error is ours. Whatever is left
// of the group when the time is over or too much was written is killed. A command that does not
// read its input is no failure. Never throws for what the command does; throws kIo where no process
// can be made.
CommandResult run_command(const std::string& command, const std::string& input,
                          std::chrono::milliseconds time, int64_t max_output_bytes);

}  // namespace stapes::reward
