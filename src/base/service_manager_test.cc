#include "base/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

namespace stapes {
namespace {

using namespace std::chrono_literals;

// What systemd has on its side.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name) : name_(name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    EXPECT_EQ(0, ::bind(file_, reinterpret_cast<const sockaddr*>(&address),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())));
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket() {
    ::close(file_);
    if (name_.front() == '/') std::filesystem::remove(name_);
  }
  // Empty: nothing has come.
  std::string message() {
    std::array<char, 1000> room{};
    const ssize_t size = ::recv(file_, room.data(), room.size(), 0);
    return size < 0 ? std::string() : std::string(room.data(), static_cast<size_t>(size));
  }

 private:
  std::string name_;
  int file_ = -1;
};

std::string socket_name(const char* prefix) {
  return std::string(prefix) + "stapes-notify-" + std::to_string(::getpid());
}

class ServiceEnvironmentTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  static void set(const char* name, const std::string& value) {
    ASSERT_EQ(0, ::setenv(name, value.c_str(), 1));
  }
};

TEST(ServiceManagerTest, TellsWhatSystemdUnderstands) {
  for (const char* prefix : {"/tmp/", "@"}) {
    NotifySocket socket(socket_name(prefix));
    const ServiceManager manager(socket_name(prefix), 2s);
    EXPECT_TRUE(manager.is_there());
    manager.ready("serving tiny\nREADY=0");
    EXPECT_EQ("READY=1\nSTATUS=serving tiny READY=0", socket.message());
    manager.sign_of_life();
    EXPECT_EQ("WATCHDOG=1", socket.message());
    manager.stopping("ending");
    EXPECT_EQ("STOPPING=1\nSTATUS=ending", socket.message());
    EXPECT_EQ("", socket.message());
  }
}

TEST(ServiceManagerTest, NobodyListens) {
  ServiceManager().ready("to nobody");
  ServiceManager(socket_name("/tmp/no-such-folder/"), {}).sign_of_life();
  ServiceManager(std::string(4000, '/'), {}).sign_of_life();
}

TEST(SignsOfLifeTest, ComeWhileAllIsWell) {
  NotifySocket socket(socket_name("@"));
  const ServiceManager manager(socket_name("@"), 2ms);
  std::atomic<bool> well = true;
  std::atomic<int> looks = 0;
  const auto look_twice = [&] {
    for (const int before = looks; looks < before + 2;) std::this_thread::sleep_for(1ms);
  };
  const SignsOfLife signs(manager, [&] { return ++looks, well.load(); });
  for (int i = 0; i < 3; ++i) {
    std::string message;
    while (message.empty()) message = socket.message();
    EXPECT_EQ("WATCHDOG=1", message);
  }
  well = false;
  look_twice();
  while (!socket.message().empty()) {
  }
  look_twice();
  EXPECT_EQ("", socket.message());
}

TEST(SignsOfLifeTest, NobodyLooks) {
  const SignsOfLife without_patience(ServiceManager("@stapes-nobody", {}), [] {
    ADD_FAILURE() << "looked";
    return true;
  });
  // Patience of an hour does not hold up the end.
  const SignsOfLife long_patience(ServiceManager("@stapes-nobody", 1h), [] { return true; });
}

TEST_F(ServiceEnvironmentTest, NamesTheSocketAndThePatience) {
  EXPECT_FALSE(ServiceManager::from_environment().is_there());
  set("NOTIFY_SOCKET", "/run/notify");
  EXPECT_TRUE(ServiceManager::from_environment().is_there());
  EXPECT_FALSE(ServiceManager::from_environment().patience());
  set("WATCHDOG_USEC", "30000000");
  EXPECT_EQ(30s, ServiceManager::from_environment().patience());
  set("WATCHDOG_PID", std::to_string(::getpid()));
  EXPECT_EQ(30s, ServiceManager::from_environment().patience());
  set("WATCHDOG_PID", std::to_string(::getppid()));
  EXPECT_FALSE(ServiceManager::from_environment().patience());
}

TEST_F(ServiceEnvironmentTest, NonsenseIsNobody) {
  set("NOTIFY_SOCKET", "relative");
  EXPECT_FALSE(ServiceManager::from_environment().is_there());
  set("NOTIFY_SOCKET", "/run/notify");
  for (const char* microseconds : {"", "0", "-5", "12x", "99999999999999999999"}) {
    set("WATCHDOG_USEC", microseconds);
    EXPECT_FALSE(ServiceManager::from_environment().patience()) << microseconds;
  }
}

}  // namespace
}  // namespace stapes
