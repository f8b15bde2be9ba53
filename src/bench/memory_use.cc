#include "bench/memory_use.h"

#include <algorithm>
#include <fstream>
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

}  // namespace

MemoryUse memory_use() {
  return {.rss_bytes = std::max<int64_t>(kilobyte_field("/proc/self/status", "VmRSS"), 0),
          .peak_rss_bytes = std::max<int64_t>(kilobyte_field("/proc/self/status", "VmHWM"), 0)};
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5\n";  // proc(5): resets VmHWM to VmRSS
}

}  // namespace stapes
