// How many cores a process may compute with (Linux: sched_getaffinity(2), cgroup v2).
#pragma once

#include <string>

namespace stapes {

// The cores that the process may run on (of the machine, a container's set, taskset), or as many as
// its control group's share of time is worth, where that is less. At least 1.
int available_cores();

// What a cpu.max file says: "QUOTA PERIOD" in microseconds is QUOTA / PERIOD cores, rounded up;
// 0: "max", or nothing that can be read.
int cores_of_cpu_max(const std::string& text);

}  // namespace stapes
