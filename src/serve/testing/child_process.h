// For tests: a shell command beside the test, whose output is read; gone with the object.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace stapes::serve::testing {

class ChildProcess {
 public:
  explicit ChildProcess(const std::string& command) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    stop();
    std::fclose(output_);
  }

  pid_t pid() const { return pid_; }
  void stop() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  // The next line that holds `text`, without its end; what came before it is dropped. Empty at the
  // end of the output (or for an empty line).
  std::string read_line_with(const std::string& text) {
    std::string line;
    for (int c = std::fgetc(output_); c != EOF; c = std::fgetc(output_)) {
      if (c != '\n') {
        line += static_cast<char>(c);
      } else if (line.find(text) != std::string::npos) {
        return line;
      } else {
        line.clear();
      }
    }
    return {};
  }

 private:
  pid_t pid_ = -1;
  FILE* output_ = nullptr;
};

}  // namespace stapes::serve::testing
