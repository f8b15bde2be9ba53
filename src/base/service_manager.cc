#include "base/service_manager.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace stapes {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

// A line break would begin another message.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < ' '; }, ' ');
  return line;
}

}  // namespace

ServiceManager::ServiceManager(std::string socket,
                               std::optional<std::chrono::microseconds> patience)
    : socket_(std::move(socket)), patience_(patience) {}

ServiceManager ServiceManager::from_environment() {
  const std::string_view socket = variable("NOTIFY_SOCKET");
  if (socket.size() < 2 || (socket.front() != '/' && socket.front() != '@')) return {};
  std::optional<std::chrono::microseconds> patience;
  // The watch may be meant for the process that has started this one.
  const std::string_view watched = variable("WATCHDOG_PID");
  if (watched.empty() || number(watched) == ::getpid())
    if (const auto microseconds = number(variable("WATCHDOG_USEC")))
      patience = std::chrono::microseconds(*microseconds);
  return ServiceManager(std::string(socket), patience);
}

void ServiceManager::ready(std::string_view status) const {
  tell(fmt::format("READY=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::stopping(std::string_view status) const {
  tell(fmt::format("STOPPING=1\nSTATUS={}", one_line(status)));
}

void ServiceManager::sign_of_life() const {
  tell("WATCHDOG=1");
}

void ServiceManager::tell(std::string_view state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(socket_, address.sun_path);
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t sent = ::sendto(
      file, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size()));
  ::close(file);
}

SignsOfLife::SignsOfLife(const ServiceManager& manager, std::function<bool()> is_well) {
  if (!manager.is_there() || !manager.patience()) return;
  thread_ = std::jthread([manager, is_well = std::move(is_well)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      if (is_well()) manager.sign_of_life();
      never.wait_for(lock, stop, *manager.patience() / 2, [] { return false; });
    }
  });
}

}  // namespace stapes
