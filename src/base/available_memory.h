// How much memory a process may still take (Linux: proc(5), cgroup v2).
#pragma once

#include <cstdint>

namespace stapes {

// What the system could give this process without swapping: MemAvailable of /proc/meminfo, or what
// the process's memory control group (cgroup v2) leaves of it. The largest number there is where
// neither can be read.
int64_t available_memory_bytes();

}  // namespace stapes
