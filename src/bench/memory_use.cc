#include "bench/memory_use.h"

#include <fstream>
#include <string>

namespace stapes {
namespace {

// "NAME:   123 kB" of a file of /proc, in bytes; 0 where it has none.
int64_t kilobyte_field(const char* file, const std::string& name) {
  std::ifstream in(file);
  std::string word;
  while (in >> word) {
    int64_t kilobytes = 0;
    if (word == name + ":" && in >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

MemoryUse memory_use() {
  constexpr auto kStatus = "/proc/self/status", kMaps = "/proc/self/smaps_rollup";
  return {.rss_bytes = kilobyte_field(kStatus, "VmRSS"),
          .large_page_bytes = kilobyte_field(kMaps, "AnonHugePages") +
                              kilobyte_field(kMaps, "ShmemPmdMapped") +
                              kilobyte_field(kMaps, "FilePmdMapped"),
          .peak_rss_bytes = kilobyte_field(kStatus, "VmHWM")};
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5\n";  // proc(5): resets VmHWM to VmRSS
}

}  // namespace stapes
