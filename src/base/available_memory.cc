#include "base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "base/control_group.h"

namespace stapes {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

int64_t meminfo_available_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name, unit; meminfo >> name;) {
    int64_t kibibytes = 0;
    if (name == "MemAvailable:" && meminfo >> kibibytes) return kibibytes * 1024;
    std::getline(meminfo, unit);
  }
  return kUnknown;
}

// "max" where there is no limit, so that no number can be read.
int64_t read_bytes(const std::string& file) {
  int64_t bytes = 0;
  return std::ifstream(file) >> bytes ? bytes : kUnknown;
}

int64_t control_group_available_bytes() {
  const std::string folder = control_group_folder();
  const int64_t limit = read_bytes(folder + "/memory.max");
  const int64_t used = read_bytes(folder + "/memory.current");
  return limit == kUnknown || used == kUnknown ? kUnknown : std::max(limit - used, int64_t{0});
}

}  // namespace

int64_t available_memory_bytes() {
  return std::min(meminfo_available_bytes(), control_group_available_bytes());
}

}  // namespace stapes
