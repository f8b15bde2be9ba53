#include "bench/memory_use.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace stapes {
namespace {

constexpr int64_t kUnknown = -1;

// "NAME:   123 kB" of a file of /proc, in bytes.
int64_t kilobyte_field(const char* file, const std::string& name) {
  std::ifstream in(file);
  std::string word;
  while (in >> word) {
    int64_t kilobytes = 0;
    if (word == name + ":" && in >> kilobytes) return kilobytes * 1024;
  }
  return kUnknown;
}

// "max" (no limit) and a missing file (no such group) read as unknown.
int64_t number_in(const char* file) {
  std::ifstream in(file);
  int64_t number = kUnknown;
  return in >> number ? number : kUnknown;
}

}  // namespace

MemoryUse memory_use() {
  return {.rss_bytes = std::max<int64_t>(kilobyte_field("/proc/self/status", "VmRSS"), 0),
          .peak_rss_bytes = std::max<int64_t>(kilobyte_field("/proc/self/status", "VmHWM"), 0)};
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5\n";  // proc(5): resets VmHWM to VmRSS
}

int64_t available_memory_bytes() {
  const int64_t machine = kilobyte_field("/proc/meminfo", "MemAvailable");
  int64_t available = machine == kUnknown ? std::numeric_limits<int64_t>::max() : machine;
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const int64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit != kUnknown && used != kUnknown)
    available = std::min(available, std::max<int64_t>(limit - used, 0));
  return available;
}

}  // namespace stapes
