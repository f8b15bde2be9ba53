// Tells the service manager how the program fares: the protocol of sd_notify(3), which systemd and
// others speak, without its library.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace stapes {

// Without a service manager all of this does nothing. Thread-safe.
class ServiceManager {
 public:
  ServiceManager() = default;
  // socket: a path, or a name in the abstract namespace that begins with '@'.
  ServiceManager(std::string socket, std::optional<std::chrono::microseconds> patience);
  // As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say.
  static ServiceManager from_environment();

  bool is_there() const { return !socket_.empty(); }
  // Without a sign of life for this long the program counts as hung; empty: nobody looks.
  std::optional<std::chrono::microseconds> patience() const { return patience_; }

  // ready: what was begun before may wait no longer. status: one line for people.
  void ready(std::string_view status) const;
  void stopping(std::string_view status) const;
  void sign_of_life() const;

 private:
  // Losing it harms nothing but the message: no error.
  void tell(std::string_view state) const;

  std::string socket_;
  std::optional<std::chrono::microseconds> patience_;
};

// While it lives and the program is well, the service manager is told so, twice in its patience.
class SignsOfLife {
 public:
  // is_well: called on a thread of its own.
  SignsOfLife(const ServiceManager& manager, std::function<bool()> is_well);

 private:
  std::jthread thread_;  // none where nobody looks
};

}  // namespace stapes
