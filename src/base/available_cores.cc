#include "base/available_cores.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/control_group.h"

namespace stapes {
namespace {

// Not hardware_concurrency() first: in glibc since 2.35 that is all cores of the machine.
int cores_to_run_on() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());  // more than 1,024 cores
}

}  // namespace

int cores_of_cpu_max(const std::string& text) {
  std::istringstream words(text);
  int64_t quota = 0;
  int64_t period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((quota - 1) / period + 1, 1 << 20));
}

int available_cores() {
  const int cores = std::max(cores_to_run_on(), 1);
  std::string text;
  std::getline(std::ifstream(control_group_folder() + "/cpu.max"), text);
  const int share = cores_of_cpu_max(text);
  return share > 0 ? std::min(cores, share) : cores;
}

}  // namespace stapes
