#include "cli/stop_signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fail.h"

namespace stapes::cli {
namespace {

constexpr char kSignalByte = 's';
constexpr char kDoneByte = 'd';

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t write_end = -1;

void put(char byte) {
  // A full pipe holds news enough.
  [[maybe_unused]] const ssize_t written = ::write(write_end, &byte, 1);
}

void on_signal(int) {
  const int error_before = errno;
  put(kSignalByte);
  errno = error_before;
}

}  // namespace

StopSignals::StopSignals() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
  read_end_ = ends[0];
  write_end = ends[1];
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_interrupt_);
  sigaction(SIGTERM, &action, &previous_terminate_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
  ::close(read_end_);
  ::close(write_end);
  write_end = -1;
}

StopSignals::News StopSignals::wait() {
  // ThreadSanitizer puts handlers off until a call returns: a signal ends poll(), but not read().
  pollfd end{.fd = read_end_, .events = POLLIN, .revents = 0};
  while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
  }
  char byte = 0;
  while (::read(read_end_, &byte, 1) < 0 && errno == EINTR) {
  }
  return byte == kDoneByte ? News::kDone : News::kSignal;
}

void StopSignals::report_done() {
  put(kDoneByte);
}

}  // namespace stapes::cli
