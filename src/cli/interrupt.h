// Ctrl-C while an answer is generated.
#pragma once

#include <csignal>

namespace stapes::cli {

// While it lives, the first Ctrl-C only sets interrupted(); a second one ends the program as
// always. At most one lives at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
  bool interrupted() const;

 private:
  struct sigaction previous_ {};
};

}  // namespace stapes::cli
