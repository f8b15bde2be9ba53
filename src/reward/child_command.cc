#include "reward/child_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "base/fail.h"

namespace stapes::reward {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read, write;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(const char* command, int input, int output) {
  ::setpgid(0, 0);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execl("/bin/sh", "sh", "-c", command, nullptr);
  ::_exit(127);
}

// The process group, killed and waited for at the end.
class Child {
 public:
  Child(const std::string& command, const Pipe& input, const Pipe& output) {
    pid_ = ::fork();
    if (pid_ < 0) fail(ErrorCode::kIo, "cannot start a process: {}", std::strerror(errno));
    if (pid_ == 0) become(command.c_str(), input.read.get(), output.write.get());
    ::setpgid(pid_, pid_);  // here too: whoever comes first
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) end();
  }

  // Its output is at its end, so it ends in a moment: looks every 2 ms until `deadline`, then kills
  // the group. The status as waitpid() gives it; nothing where
  // it had to be killed.
  bool wait(Clock::time_point deadline, int& status) {
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      if (Clock::now() >= deadline) {
        end();
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ::kill(-pid_, SIGKILL);  // what it has left behind
    pid_ = -1;
    return true;
  }
  void end() {
    ::kill(-pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

int milliseconds_until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  constexpr int64_t kMost = 1'000'000'000;  // poll() takes an int; days later it is asked again
  return static_cast<int>(std::clamp<int64_t>(left, 0, kMost));
}

// Writes what the pipe takes. False once nobody reads.
bool feed(Descriptor& pipe, std::string_view& rest) {
  const ssize_t written = ::write(pipe.get(), rest.data(), rest.size());
  if (written < 0) return errno == EAGAIN || errno == EINTR;
  rest.remove_prefix(static_cast<size_t>(written));
  return !rest.empty();
}

std::string failure_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) == 127) return "it could not be started (status 127)";
  if (WEXITSTATUS(status) != 0) return fmt::format("it ended with status {}", WEXITSTATUS(status));
  return {};
}

}  // namespace

CommandResult run_command(const std::string& command, const std::string& input,
                          std::chrono::milliseconds time, int64_t max_output_bytes) {
  const Clock::time_point deadline = Clock::now() + time;
  Pipe to_child, from_child;
  Child child(command, to_child, from_child);
  to_child.read.close();
  from_child.write.close();
  // A closed pipe is an error to be read, not a signal. The mask is this thread's alone.
  sigset_t pipe_signal, before;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ::fcntl(to_child.write.get(), F_SETFL, O_NONBLOCK);

  CommandResult result;
  std::string_view rest = input;
  if (rest.empty()) to_child.write.close();
  std::array<char, 64 << 10> block{};
  bool open = true;
  while (open && result.failure.empty()) {
    std::array<pollfd, 2> waiting = {
        {{from_child.read.get(), POLLIN, 0}, {to_child.write.get(), POLLOUT, 0}}};
    const int ready = ::poll(waiting.data(), 2, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && Clock::now() < deadline) continue;
    if (ready <= 0) {
      result.failure = fmt::format("it was not done within {:.1f} s",
                                   std::chrono::duration<double>(time).count());
      break;
    }
    if (waiting[1].revents != 0 && to_child.write.get() >= 0 && !feed(to_child.write, rest))
      to_child.write.close();
    if (waiting[0].revents == 0) continue;
    const ssize_t got = ::read(from_child.read.get(), block.data(), block.size());
    if (got > 0) result.output.append(block.data(), static_cast<size_t>(got));
    open = got > 0 || (got < 0 && errno == EINTR);
    if (static_cast<int64_t>(result.output.size()) > max_output_bytes)
      result.failure = fmt::format("it wrote more than {} bytes", max_output_bytes);
  }
  // Take the signal that a write may have left behind before it is let through again.
  const timespec none{};
  ::sigtimedwait(&pipe_signal, nullptr, &none);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!result.failure.empty()) {
    child.end();
    return result;
  }
  int status = 0;
  result.failure = child.wait(deadline, status)
                       ? failure_of(status)
                       : fmt::format("it was not done within {:.1f} s",
                                     std::chrono::duration<double>(time).count());
  return result;
}

}  // namespace stapes::reward
